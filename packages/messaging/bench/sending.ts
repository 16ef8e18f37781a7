import type { PeerMessaging } from '@shopgpt/peers/messaging';
import { type Figures, quantile, sleep, stopwatch } from './measure.ts';

const value = 'x'.repeat(80);

/** 1,000 callers, each of which waits for its own message before it sends the next. */
export async function sendAwaited(client: PeerMessaging, topic: string): Promise<Figures> {
  let sent = 0;
  let isOver = false;
  const caller = async (id: number) => {
    while (!isOver) {
      await client.send(topic, `key-${id}`, value);
      sent += 1;
    }
  };
  const callers = Array.from({ length: 1_000 }, (_, id) => caller(id));
  await sleep(1_500);
  const [before, watch] = [sent, stopwatch()];
  await sleep(3_000);
  const [count, took] = [sent - before, watch()];
  isOver = true;
  await Promise.all(callers);
  return { rate: count / took.seconds, cpuUs: (took.cpuMs * 1_000) / count };
}

/** Lots of 500 messages, one after the other: batching is the caller's, so only the library's work is left. */
export async function sendMany(client: PeerMessaging, topic: string): Promise<Figures> {
  const lot = Array.from({ length: 500 }, (_, i) => ({ key: `key-${i}`, value }));
  const send = async (lots: number) => {
    for (let i = 0; i < lots; i += 1) await client.sendMany(topic, lot);
  };
  await send(60);
  const watch = stopwatch();
  await send(200);
  return { cpuUs: (watch().cpuMs * 1_000) / (200 * lot.length) };
}

/** 500 single messages a second, whether or not the ones before are written. */
export async function latency(client: PeerMessaging, topic: string): Promise<Figures> {
  const steady = new SteadySender(client, topic);
  await sleep(1_500);
  steady.forget();
  await sleep(6_000);
  const { times } = await steady.stop();
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

/** The same while a node stops answering, which leads a third of the partitions. */
export async function hang(
  client: PeerMessaging,
  topic: string,
  fault: () => Promise<unknown>,
): Promise<Figures> {
  const steady = new SteadySender(client, topic);
  await sleep(1_500);
  steady.forget();
  await fault();
  const { times, failed } = await steady.stop();
  return { longestS: Math.max(...times) / 1_000, failed };
}

/** What sends cost in memory that a stalled cluster does not answer: 100,000 of them, then as many again. */
export async function stalled(
  client: PeerMessaging,
  topic: string,
  fault: () => Promise<unknown>,
): Promise<Figures> {
  await client.send(topic, 'key', value);
  await fault();
  const before = await heapAfter(client, topic, 0);
  const first = await heapAfter(client, topic, 100_000);
  const second = await heapAfter(client, topic, 100_000);
  return { firstMiB: first - before, againMiB: second - first };
}

async function heapAfter(client: PeerMessaging, topic: string, sends: number): Promise<number> {
  for (let i = 0; i < sends; i += 1) {
    client.send(topic, `key-${i % 1_000}`, value).catch(() => undefined);
    if (i % 1_000 === 0) await sleep(1);
  }
  await sleep(500);
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}

/** Five messages every 10 ms, and how long each took. */
class SteadySender {
  readonly #client: PeerMessaging;
  readonly #topic: string;
  readonly #timer: NodeJS.Timeout;
  #pending: Promise<void>[] = [];
  #times: number[] = [];
  #failed = 0;
  #next = 0;

  constructor(client: PeerMessaging, topic: string) {
    this.#client = client;
    this.#topic = topic;
    this.#timer = setInterval(() => {
      for (let i = 0; i < 5; i += 1) this.#pending.push(this.#send());
    }, 10);
  }

  /** What was before does not count: connections were opened, code was compiled. */
  forget(): void {
    this.#times = [];
    this.#failed = 0;
  }

  /** Waits for the answers; who failed took as long as it took to say so. */
  async stop(): Promise<{ readonly times: readonly number[]; readonly failed: number }> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
    return { times: this.#times, failed: this.#failed };
  }

  async #send(): Promise<void> {
    const beganMs = performance.now();
    const key = `key-${this.#next++ % 1_000}`;
    await this.#client.send(this.#topic, key, value).catch(() => {
      this.#failed += 1;
    });
    this.#times.push(performance.now() - beganMs);
  }
}
