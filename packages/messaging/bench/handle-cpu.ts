/**
 * What a message costs between the driver and its handler: CPU time of the process per message, with 64
 * handlers at once, 1,000 keys and a handler that awaits the end of the tick.
 * Run it: npx node --conditions=@shopgpt/source bench/handle-cpu.ts
 */
import { systemClock } from '../src/clock.ts';
import { singleSubscription } from '../src/consuming/subscription.ts';
import type { StoredRecord } from '../src/record.ts';
import { ScriptedDriver, ScriptedWriter } from '../src/testing/scripted-driver.ts';
import { defineTopic } from '../src/topics/topic.ts';

const RECORDS = 200_000;
const LOT = 500;
const ROUNDS = 5;

const topic = defineTopic({
  name: 't',
  partitions: 4,
  schema: {
    '~standard': { version: 1, vendor: 'bench', validate: (value: unknown) => ({ value }) },
  },
});

function recordsFrom(offset: number): StoredRecord[] {
  return Array.from({ length: LOT }, (_, i) => ({
    offset: offset + i,
    key: Buffer.from(`key-${(offset + i) % 1_000}`),
    value: Buffer.from('{"text":"hello","n":1}'),
    headers: [],
    timestamp: Date.now(),
  }));
}

async function round(): Promise<number> {
  const driver = new ScriptedDriver();
  const subscription = singleSubscription({
    driver,
    producer: new ScriptedWriter(),
    topic,
    handler: () => new Promise<void>((resolve) => void setImmediate(resolve)),
    options: { group: 'g', concurrency: 64 },
    middleware: [],
    clock: systemClock,
  });
  subscription.start();
  await new Promise((resolve) => void setImmediate(resolve));
  const partitions = [0, 1, 2, 3].map((partition) => ({ topic: 't', partition }));
  driver.current.assign(...partitions);
  const lots = Array.from({ length: RECORDS / LOT / 4 }, (_, i) => recordsFrom(i * LOT));
  const before = process.cpuUsage();
  for (const records of lots) {
    for (const at of partitions) {
      while (driver.current.paused.has(`t/${at.partition}`)) {
        await new Promise((resolve) => void setImmediate(resolve));
      }
      driver.current.deliver(at, records);
    }
  }
  while (subscription.stats().handled < RECORDS) {
    await new Promise((resolve) => void setImmediate(resolve));
  }
  const { user, system } = process.cpuUsage(before);
  await subscription.close({ timeoutMs: 1_000 });
  return (user + system) / RECORDS;
}

const costs: number[] = [];
for (let i = 0; i < ROUNDS; i += 1) costs.push(await round());
costs.sort((a, b) => a - b);
console.log(`${costs[ROUNDS >> 1]?.toFixed(2)} µs of CPU a message (median of ${ROUNDS} rounds)`);
