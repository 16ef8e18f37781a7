import type { PeerMessaging } from '@shopgpt/peers/messaging';
import { type Figures, sleep, stopwatch } from './measure.ts';

const group = `bench-${process.pid}`;

/** A handler of 5 ms on what is in the topic already. */
export async function consume(client: PeerMessaging, topic: string): Promise<Figures> {
  let handled = 0;
  await client.consume(topic, group, async () => {
    await sleep(5);
    handled += 1;
  });
  while (handled < 100) await sleep(5);
  const [before, watch] = [handled, stopwatch()];
  await sleep(2_000);
  return { rate: (handled - before) / watch().seconds };
}

/** A handler of nothing on 400,000 messages of JSON, from the first request to the last message: nothing is read before it counts. */
export async function count(client: PeerMessaging, topic: string): Promise<Figures> {
  const messages = 400_000;
  let handled = 0;
  const watch = stopwatch();
  const { promise, resolve } = Promise.withResolvers<Figures>();
  await client.count(topic, group, () => {
    handled += 1;
    if (handled !== messages) return;
    const took = watch();
    resolve({ cpuUs: (took.cpuMs * 1_000) / messages, rate: messages / took.seconds });
  });
  return promise;
}

export async function idle(client: PeerMessaging, topic: string): Promise<Figures> {
  await client.consume(topic, group, async () => undefined);
  await sleep(1_500);
  const watch = stopwatch();
  await sleep(5_000);
  const took = watch();
  const percent = took.cpuMs / took.seconds / 10;
  const stop = stopwatch();
  await client.stopConsumer();
  return { percent, stopMs: stop().seconds * 1_000 };
}
