// One measurement in a process of its own: what one library did to the heap or the compiler, no other one feels.
import type { PeerMessaging } from '@shopgpt/peers/messaging';
import { consume, count, idle } from './consuming.ts';
import { open } from './contestants.ts';
import type { Figures } from './measure.ts';
import { hang, latency, sendAwaited, sendMany, stalled } from './sending.ts';

type Measurement = (
  client: PeerMessaging,
  topic: string,
  fault: () => Promise<unknown>,
) => Promise<Figures>;

const measurements: Readonly<Record<string, Measurement>> = {
  ...{ sendAwaited, sendMany, latency, hang, stalled },
  ...{ consume, count, idle },
};

/** Who started us strikes the cluster now, and says when that is over. */
function fault(): Promise<unknown> {
  const over = new Promise((resolve) => process.once('message', resolve));
  process.send?.('ready');
  return over;
}

const [row = '', name = '', urls = '', topic = ''] = process.argv.slice(2);
const client = await open(name, urls.split(','));
const result = await measurements[row]?.(client, topic, fault);
process.send?.(result ?? {}, () => process.exit());
