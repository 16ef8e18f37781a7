import { createRequire } from 'node:module';
import { Kafka } from 'kafkajs';
import { afterEach, expect, test } from 'vitest';
import { kafkajs } from './index.ts';
import { internalsOf } from './internals.ts';

const source = createRequire(import.meta.url);
const kafka = () => new Kafka({ brokers: ['127.0.0.1:1'] });
const undo: (() => void)[] = [];
afterEach(() => {
  for (const step of undo.splice(0)) step();
});

/** Changes a module of kafkajs until the end of the test. */
function change(path: string, name: string, value: unknown): void {
  const found: Record<string, unknown> = source(path);
  const before = found[name];
  found[name] = value;
  undo.push(() => {
    found[name] = before;
  });
}

test('what is no client of kafkajs is refused', () => {
  for (const wrong of [{}, undefined, { brokers: [] }]) {
    expect(() => kafkajs(wrong as Kafka)).toThrow(
      new TypeError('kafka must be a Kafka of kafkajs 2.2.4'),
    );
  }
});

test('another version of kafkajs is refused, and both are named', () => {
  change('kafkajs/package.json', 'version', '2.3.0');
  expect(() => kafkajs(kafka())).toThrow(
    expect.objectContaining({
      code: 'ERR_MESSAGING_DRIVER',
      isRetriable: false,
      message: 'kafkajs must be exactly 2.2.4, unpatched: it is 2.3.0',
    }),
  );
});

test.each([
  ['kafkajs/src/protocol/requests', 'requests'],
  ['kafkajs/src/protocol/requests/apiKeys', 'Produce'],
  ['kafkajs/src/protocol/error', 'createErrorFromCode'],
])('a name that is missing in %s is told at the start', (path, name) => {
  change(path, name, undefined);
  expect(() => kafkajs(kafka())).toThrow(`its ${path} has no ${name}`);
});

test('a cluster without its pool of brokers is told at the start', () => {
  const bent = kafka();
  const [symbol] = Object.getOwnPropertySymbols(bent).filter(
    ({ description }) => description === 'private:Kafka:createCluster',
  );
  Reflect.set(bent, symbol ?? '', () => ({}));
  expect(() => kafkajs(bent)).toThrow('its Cluster has no brokerPool');
});

test('starts no timer and opens no connection before it is asked for something', async () => {
  const before = process.getActiveResourcesInfo().length;
  const driver = kafkajs(kafka());
  driver.producer({ compression: 'none', maxBatchBytes: 1_000 });
  expect(process.getActiveResourcesInfo()).toHaveLength(before);
  await driver.close();
});

test('a connection has no timers and no log lines of kafkajs', async () => {
  const { connection } = await internalsOf(kafka()).open();
  expect(connection.requestQueue.enforceRequestTimeout).toBe(false);
  connection.requestQueue.scheduleCheckPendingRequests();
  expect(connection.requestQueue.throttleCheckTimeoutId).toBeNull();
});

test.each([
  ['no bytes', [0, 0, 0, 0]],
  ['fewer than none', [0xff, 0xff, 0xff, 0xf0, 1, 2, 3, 4]],
])('a frame of %s ends its connection and nothing else', async (_, bytes) => {
  const { connection } = await internalsOf(kafka()).open();
  const ends: Error[] = [];
  connection.socket = { destroy: (error) => ends.push(error) };
  connection.processData(Buffer.from(bytes));
  expect(ends.map(({ message }) => message)).toEqual([
    'what answers is no broker of Kafka, or one that makes no sense',
  ]);
});

test('a connection that the broker slows down goes on when its time is over', async () => {
  const { connection } = await internalsOf(kafka()).open();
  const queue = connection.requestQueue;
  const checked = new Promise<void>((resolve) => {
    queue.checkPendingRequests = resolve;
  });
  queue.throttledUntil = Date.now() + 5;
  Reflect.set(queue, 'pending', [{}]);
  queue.scheduleCheckPendingRequests();
  queue.scheduleCheckPendingRequests();
  await checked;
  expect(queue.throttleCheckTimeoutId).toBeNull();
});
