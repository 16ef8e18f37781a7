// npm run bench -w packages/messaging [-- rounds]
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { kafkajs } from '@shopgpt/messaging/kafkajs';
import { startKafkaCluster } from '@shopgpt/test-servers';
import { Kafka } from 'kafkajs';
import { contestants, OURS, open } from './contestants.ts';

const rounds = Number(process.argv[2] ?? 3);
const cluster = await startKafkaCluster();
const brokers = cluster.url.split(',');
const driver = kafkajs(new Kafka({ brokers }));

type Figures = Readonly<Record<string, number>>;

/** Runs one measurement in a process of its own; nothing when the library broke. */
function run(row: string, name: string, topic: string): Promise<Figures> {
  const { promise, resolve } = Promise.withResolvers<Figures>();
  const child = fork(path.join(import.meta.dirname, 'child.ts'), [row, name, cluster.url, topic], {
    execArgv: ['--conditions=@shopgpt/source', '--no-warnings', '--expose-gc'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), 90_000);
  child.on('message', async (message: 'ready' | Figures) => {
    if (message !== 'ready') return resolve(message);
    await cluster.pause();
    child.send('go');
  });
  child.on('exit', () => {
    clearTimeout(limit);
    resolve({});
  });
  return promise;
}

async function newTopic(partitions: number): Promise<string> {
  const name = `bench-${randomUUID()}`;
  const config = { 'min.insync.replicas': '2' };
  await driver.admin.create({ name, partitions, replicationFactor: 3, config });
  return name;
}

/** So many messages of a thousand keys. */
async function fill(topic: string, count: number): Promise<void> {
  const client = await open(OURS, brokers);
  const sent = Array.from({ length: count }, (_, i) =>
    client.send(topic, `key-${i % 1_000}`, 'x'.repeat(80)),
  );
  await Promise.all(sent);
  await client.close();
}

function median(figures: readonly number[]): number {
  const sorted = figures.filter(Number.isFinite).toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/** Everybody once a round, so that the machine's moods meet all. */
async function measure(row: string, topicOf: () => Promise<string>): Promise<Map<string, Figures>> {
  const taken = new Map<string, Figures[]>(contestants.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const name of contestants) taken.get(name)?.push(await run(row, name, await topicOf()));
  }
  return new Map(
    [...taken].map(([name, list]) => {
      const fields = new Set(list.flatMap((figures) => Object.keys(figures)));
      const medians = [...fields].map((field) => [
        field,
        median(list.map((figures) => figures[field] ?? Number.NaN)),
      ]);
      return [name, Object.fromEntries(medians)];
    }),
  );
}

const line = (cells: readonly string[]) => console.log(`| ${cells.join(' | ')} |`);

/** One line for each figure, kafkajs = 1 in brackets. */
function print(title: string, field: string, unit: string, figures: Map<string, Figures>): void {
  const base = figures.get('kafkajs')?.[field] ?? Number.NaN;
  const cells = contestants.map((name) => {
    const value = figures.get(name)?.[field] ?? Number.NaN;
    const digits = value < 10 ? 2 : 0;
    return Number.isNaN(value) ? '-' : `${value.toFixed(digits)} (${(value / base).toFixed(2)})`;
  });
  line([`${title}, ${unit}`, ...cells]);
}

line(['', ...contestants]);
line(['---', ...contestants.map(() => '---')]);
for (const partitions of [6, 100]) {
  const figures = await measure('sendAwaited', () => newTopic(partitions));
  print(`1,000 awaited sends at once, ${partitions} partitions`, 'rate', 'a second', figures);
  print(`the same, CPU of a message`, 'cpuUs', 'us', figures);
}
const latency = await measure('latency', () => newTopic(6));
print('500 sends a second, p50', 'p50', 'ms', latency);
print('500 sends a second, p99', 'p99', 'ms', latency);
const full = await newTopic(4);
await fill(full, 60_000);
const consumed = await measure('consume', async () => full);
print('handler of 5 ms, 4 partitions', 'rate', 'a second', consumed);
const idle = await measure('idle', () => newTopic(4));
print('idle consumer, of a core', 'percent', '%', idle);
print('stop of an idle consumer', 'stopMs', 'ms', idle);
const topic = await newTopic(6);
const stalled = new Map<string, Figures>();
for (const name of contestants) {
  stalled.set(name, await run('stalled', name, topic));
  await cluster.resume();
  await cluster.untilHealthy();
}
print('100,000 sends to a stalled cluster', 'firstMiB', 'MiB', stalled);
print('100,000 more', 'againMiB', 'MiB', stalled);
await driver.close();
await cluster.stop();
