// One measurement in a process of its own: what one library did to the heap or the compiler, no other one feels.
import { open } from './contestants.ts';

const [row = '', name = '', urls = '', topic = ''] = process.argv.slice(2);
const client = await open(name, urls.split(','));
const value = 'x'.repeat(80);
const group = `bench-${process.pid}`;
const seconds = (beganMs: number) => (performance.now() - beganMs) / 1_000;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Milliseconds of CPU of this process, in all its threads. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** 1,000 callers, each of which waits for its own message before it sends the next. */
async function sendAwaited() {
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
  const [beganMs, before, cpu] = [performance.now(), sent, cpuMs()];
  await sleep(4_000);
  const count = sent - before;
  const result = { rate: count / seconds(beganMs), cpuUs: ((cpuMs() - cpu) * 1_000) / count };
  isOver = true;
  await Promise.all(callers);
  return result;
}

/** 500 single messages a second, whether or not the ones before are written. */
async function latency() {
  const times: number[] = [];
  const pending: Promise<void>[] = [];
  const send = async (id: number) => {
    const beganMs = performance.now();
    await client.send(topic, `key-${id}`, value);
    times.push(performance.now() - beganMs);
  };
  for (let tick = 0; tick < 700; tick += 1) {
    if (tick === 100) times.length = 0;
    for (let i = 0; i < 5; i += 1) pending.push(send(tick * 5 + i));
    await sleep(10 - (performance.now() % 10));
  }
  await Promise.all(pending);
  times.sort((a, b) => a - b);
  return { p50: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)] };
}

/** A handler of 5 ms on what is in the topic already. */
async function consume() {
  let handled = 0;
  await client.consume(topic, group, async () => {
    await sleep(5);
    handled += 1;
  });
  while (handled < 100) await sleep(5);
  const [beganMs, before] = [performance.now(), handled];
  await sleep(2_000);
  return { rate: (handled - before) / seconds(beganMs) };
}

async function idle() {
  await client.consume(topic, group, async () => undefined);
  await sleep(2_000);
  const [beganMs, cpu] = [performance.now(), cpuMs()];
  await sleep(5_000);
  const percent = (cpuMs() - cpu) / seconds(beganMs) / 10;
  const stopMs = performance.now();
  await client.stopConsumer();
  return { percent, stopMs: performance.now() - stopMs };
}

/** What sends cost in memory that a stalled cluster does not answer: 100,000 of them, then as many again. */
async function stalled() {
  await client.send(topic, 'key', value);
  await new Promise((resolve) => {
    process.once('message', resolve);
    process.send?.('ready');
  });
  const before = await heapAfter(0);
  const first = await heapAfter(100_000);
  const second = await heapAfter(100_000);
  return { firstMiB: first - before, againMiB: second - first };
}

async function heapAfter(sends: number): Promise<number> {
  for (let i = 0; i < sends; i += 1) {
    client.send(topic, `key-${i % 1_000}`, value).catch(() => undefined);
    if (i % 1_000 === 0) await sleep(1);
  }
  await sleep(500);
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}

const rows: Readonly<Record<string, () => Promise<object>>> = {
  sendAwaited,
  latency,
  consume,
  idle,
  stalled,
};
const result = await rows[row]?.();
process.send?.(result ?? {}, () => process.exit());
