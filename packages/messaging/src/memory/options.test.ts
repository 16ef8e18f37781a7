import { expect, test } from 'vitest';
import { z } from 'zod';
import { createMessaging } from '../messaging.ts';
import { defineTopic } from '../topics/topic.ts';
import { memoryBroker } from './broker.ts';
import { memory } from './driver.ts';

/** As somebody without a compiler calls it. */
const call = (what: (...args: never[]) => unknown, ...args: unknown[]) =>
  Reflect.apply(what, undefined, args);

test.each([
  [null, 'the options of memoryBroker must be an object, got null'],
  [{ latency: 5 }, 'memoryBroker has no option "latency"; it has clock, latencyMs, retention'],
  [{ latencyMs: -1 }, 'latencyMs must be a whole number of ms from 0 to 2147483647, got -1'],
  [{ latencyMs: Infinity }, 'latencyMs must be a whole number of ms'],
  [{ clock: {} }, 'clock must have now(), got an instance of Object'],
  [{ retention: null }, 'the options of retention must be an object, got null'],
  [{ retention: { size: 1 } }, 'retention has no option "size"; it has records, bytes, ms'],
  [{ retention: { records: 0 } }, 'retention.records must be a number from 1 up, got 0'],
  [{ retention: { bytes: Number.NaN } }, 'retention.bytes must be a number from 1 up, got NaN'],
  [{ retention: { ms: '5' } }, 'retention.ms must be a number from 1 up, got "5"'],
])('refuses %j', (options, message) => {
  expect(() => call(memoryBroker, options)).toThrow(message);
});

test.each([
  [{ broker: {} }, 'broker must come from memoryBroker(), got an instance of Object'],
  [{ brokers: [] }, 'memory has no option "brokers"; it has broker'],
])('a driver refuses %j', (options, message) => {
  expect(() => call(memory, options)).toThrow(message);
});

test.each([
  ['produce', 'the options of a fault must be an object, got "produce"'],
  [{ apis: 'produce' }, 'a fault has no option "apis"; it has api, topic'],
  [{ api: 'prodcue' }, `api must be one of 'produce', 'fetch'`],
  [{ partition: '0' }, 'partition must be a whole number, got "0"'],
  [{ when: true }, 'when must be a function, got true'],
  [{ times: 0 }, 'times must be a positive integer, got 0'],
])('a fault that would never be met is refused: %j', (filter, message) => {
  const broker = memoryBroker();
  for (const fault of [broker.dropRequests, broker.dropResponses, broker.refuse]) {
    expect(() => Reflect.apply(fault, broker, [filter])).toThrow(message);
  }
  expect(() => Reflect.apply(broker.delay, broker, [1, filter])).toThrow(message);
});

test('a delay is a time, and a gap has offsets', () => {
  const broker = memoryBroker();
  expect(() => broker.delay(Number.NaN)).toThrow('ms must be a whole number of ms');
  expect(() => broker.skipOffsets({ topic: 't', partition: 0 }, -1)).toThrow(
    'count must be a positive integer, got -1',
  );
});

test('a topic keeps as much as it says itself, and with -1 as much as the broker', async () => {
  const driver = memory({ broker: memoryBroker({ retention: { bytes: 150 } }) });
  await using messaging = createMessaging({ name: 'test', driver });
  const kept: number[] = [];
  for (const retentionBytes of [50, -1]) {
    const name = `t${retentionBytes}`;
    const config = { 'retention.bytes': retentionBytes };
    const topic = defineTopic({ name, partitions: 1, schema: z.string(), config });
    await messaging.provision([topic]);
    await messaging.sendMany(
      topic,
      Array.from({ length: 20 }, (_, n) => `message ${n}`),
    );
    kept.push(driver.broker.log({ topic: name, partition: 0 }).length);
  }
  // Each takes 22 bytes or 23.
  expect(kept).toEqual([2, 6]);
});
