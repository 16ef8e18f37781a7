import { createBatcher } from '@shopgpt/batcher';
import { DataLoader } from '@shopgpt/batcher/dataloader';
import {
  bareLoader,
  batshitLoader,
  dataLoader,
  type Loader,
  type Sink,
  singleLoader,
  tickerLoader,
  timerLoader,
} from '@shopgpt/peers/batcher';

export const BARE = 'bare promise + array push';
export const OURS = 'createBatcher';
/** The timers that ours has to be as quick as. */
export const TIMERS: readonly string[] = ['timer 1 ms', 'timer 10 ms'];

/** Each way of batching, with at most `maxSize` keys in a batch where it can be bounded. */
export const contestants: Readonly<Record<string, (sink: Sink, maxSize: number) => Loader>> = {
  [BARE]: bareLoader,
  'no batching': singleLoader,
  'dataloader, no cache': (sink, maxBatchSize) => dataLoader(sink, { cache: false, maxBatchSize }),
  'dataloader, cache': (sink, maxBatchSize) => dataLoader(sink, { cache: true, maxBatchSize }),
  'batshit, window 10 ms': batshitLoader,
  'timer 1 ms': (sink, maxSize) => timerLoader(sink, 1, maxSize),
  'timer 10 ms': (sink, maxSize) => timerLoader(sink, 10, maxSize),
  'ticker 100 ms': (sink) => tickerLoader(sink, 100),
  'our DataLoader, no cache': (sink, maxBatchSize) =>
    new DataLoader<number, number>(sink, { cache: false, maxBatchSize }),
  'our DataLoader, cache': (sink, maxBatchSize) =>
    new DataLoader<number, number>(sink, { maxBatchSize }),
  [OURS]: (sink, maxSize) => ours(sink, maxSize, 2_000),
  'createBatcher, no bound': (sink, maxSize) => ours(sink, maxSize, Number.POSITIVE_INFINITY),
};

function ours(sink: Sink, maxSize: number, max: number): Loader {
  const batcher = createBatcher<number, number>({ process: sink, maxSize, queue: { max } });
  return { load: (key) => batcher.add(key), stop: () => void batcher.close({ timeoutMs: 0 }) };
}

/** A contestant by its name. */
export function create(name: string, sink: Sink, maxSize: number): Loader {
  const make = contestants[name];
  if (!make) throw new RangeError(`no such contestant: ${name}`);
  return make(sink, maxSize);
}
