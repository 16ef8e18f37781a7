// A process that is told to close while something goes wrong, and then has to end by itself.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { messagingOn } from './member.ts';
import { workTopic } from './work.ts';

/** How its handler behaves. */
export type Manner = 'idle' | 'retrying' | 'stubborn';

export interface ClosingOptions {
  readonly url: string;
  readonly topic: string;
  readonly group: string;
  readonly manner: Manner;
  readonly timeoutMs: number;
  /** Messages that are sent at once and still under way when it closes. */
  readonly sends: number;
}

/** What it tells the parent. */
export type FromClosing =
  | { readonly kind: 'started' | 'assigned' | 'called' }
  | { readonly kind: 'closed'; readonly tookMs: number; readonly unanswered: number };

function tell(message: FromClosing): void {
  process.send?.(message);
}

const {
  url,
  topic: name,
  group,
  manner,
  timeoutMs,
  sends,
}: ClosingOptions = JSON.parse(process.argv[2] ?? '{}');
const messaging = messagingOn(url, manner);
const topic = {
  ...workTopic(name, 2),
  retry: { attempts: 1_000, backoffMs: [100], topics: false },
};
const subscription = messaging.subscribe(
  topic,
  async () => {
    tell({ kind: 'called' });
    if (manner === 'retrying') throw new Error('again and again');
    // Not the timer of a handler that listens to nobody is to keep the process.
    if (manner === 'stubborn') await sleep(120_000, undefined, { ref: false });
  },
  { group, sessionTimeoutMs: 6_000 },
);
await messaging.start();
tell({ kind: 'started' });
const looking = setInterval(() => {
  if (subscription.stats().partitions === 0) return;
  clearInterval(looking);
  tell({ kind: 'assigned' });
}, 20);

await once(process, 'message');
clearInterval(looking);
let unanswered = sends;
for (let n = 0; n < sends; n += 1) {
  const count = () => {
    unanswered -= 1;
  };
  messaging.send(topic, { key: `${n}`, n }).then(count, count);
}
const beganMs = performance.now();
await messaging.close({ timeoutMs });
tell({ kind: 'closed', tookMs: performance.now() - beganMs, unanswered });
process.disconnect();
