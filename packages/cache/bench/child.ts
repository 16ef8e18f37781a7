// One measurement in a process of its own: what one library did to the heap or the compiler, no other one feels.
import { costWhileAway, stampede } from './faults.ts';
import { awaitedRatio, invalidateMs, peekRatio, taggedPeekRatio } from './l1.ts';
import { l2Ratio } from './l2.ts';
import { heapPerEntry } from './memory.ts';

const [row, name = '', redisUrl = ''] = process.argv.slice(2);

function measure(): Promise<unknown> {
  switch (row) {
    case 'hits-10k':
      return awaitedRatio(name, redisUrl, 10_000);
    case 'hits-50k':
      return awaitedRatio(name, redisUrl, 50_000);
    case 'peek-10k':
      return peekRatio(10_000);
    case 'peek-50k':
      return peekRatio(50_000);
    case 'peek-full-10k':
      return peekRatio(10_000, 10_000);
    case 'peek-full-50k':
      return peekRatio(50_000, 50_000);
    case 'peek-tagged':
      return taggedPeekRatio(10_000);
    case 'invalidate':
      return invalidateMs();
    case 'heap':
      return heapPerEntry(name === 'raw' ? 'raw' : 'ours');
    case 'l2':
      return l2Ratio(name, redisUrl, []);
    case 'l2-tagged':
      return l2Ratio(name, redisUrl, ['catalog', 'store']);
    case 'stampede':
      return stampede(name, redisUrl, askParent);
    default:
      return costWhileAway(name, redisUrl, askParent);
  }
}

function askParent(): Promise<void> {
  process.send?.('ready');
  return new Promise((resolve) => process.once('message', () => resolve()));
}

const result = await measure();
process.send?.({ result }, () => process.exit());
