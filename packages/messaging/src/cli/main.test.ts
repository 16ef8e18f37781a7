import { beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { systemClock } from '../clock.ts';
import { type MemoryDriver, memory, memoryBroker } from '../memory/index.ts';
import { createMessaging } from '../messaging.ts';
import { Producer } from '../producing/producer.ts';
import { resolveProducerOptions } from '../producing/producer-options.ts';
import { defineTopic } from '../topics/topic.ts';
import type { ConnectOptions } from './connect.ts';
import { main } from './main.ts';

let driver: MemoryDriver;
let output: string;
let complaints: string;
let asked: ConnectOptions[];

const run = (...args: string[]) =>
  main(args, {
    print: (text) => {
      output += text;
    },
    complain: (text) => {
      complaints += text;
    },
    connect: async (options) => {
      asked.push(options);
      return memory({ broker: driver.broker });
    },
  });

const at = ['--brokers', 'one:9092,two:9092', '--topic', 't'];

const listeners = [process.listenerCount('SIGINT'), process.listenerCount('SIGTERM')];

beforeEach(async () => {
  output = '';
  complaints = '';
  asked = [];
  driver = memory({ broker: memoryBroker() });
  await driver.admin.create({ name: 't', partitions: 1, config: {} });
  await driver.admin.create({ name: 't.dlq', partitions: 1, config: {} });
  const header = (name: string, text: string) => [name, Buffer.from(text)] as const;
  const headers = [
    header('lang', 'de'),
    header('x-original-topic', 't'),
    header('x-original-partition', '0'),
    header('x-original-offset', '7'),
    header('x-group', 'g'),
    header('x-attempts', '3'),
    header('x-error-name', 'TypeError'),
    header('x-error-message', 'no \u001b[31mcolour'),
    ['bytes', Buffer.from([255])] as const,
  ];
  const options = resolveProducerOptions();
  const writer = driver.producer({ compression: 'none', maxBatchBytes: options.maxBatchBytes });
  const producer = new Producer({ name: 'test', driver: writer, options, clock: systemClock });
  const timestamp = Date.UTC(2026, 0, 1);
  for (const text of ['{"n":1}', '{"n":2}']) {
    const [key, value] = [Buffer.from('k'), Buffer.from(text)];
    await producer.write('t.dlq', { key, value, headers, timestamp });
  }
  await producer.close(0);
});

test('list prints a line for each, and nothing that steers a terminal', async () => {
  expect(await run('dlq', 'list', ...at)).toBe(0);
  expect(output).toBe(
    '0@0  2026-01-01T00:00:00.000Z  key "k"  from t[0]@7  group g  attempts 3  TypeError: no \uFFFD[31mcolour\n' +
      '0@1  2026-01-01T00:00:00.000Z  key "k"  from t[0]@7  group g  attempts 3  TypeError: no \uFFFD[31mcolour\n' +
      '2 dead letters of t\n',
  );
  expect(asked[0]?.brokers).toEqual(['one:9092', 'two:9092']);
});

test('list says when there are more', async () => {
  expect(await run('dlq', 'list', ...at, '--limit', '1')).toBe(0);
  expect(output).toContain('1 dead letters of t, and there are more\n');
});

test('show prints all of one', async () => {
  expect(await run('dlq', 'show', ...at, '--partition', '0', '--offset', '1')).toBe(0);
  expect(JSON.parse(output)).toMatchObject({
    partition: 0,
    offset: 1,
    key: 'k',
    value: '{"n":2}',
    original: { topic: 't', partition: 0, offset: 7 },
    headers: expect.arrayContaining([
      ['lang', 'de'],
      ['bytes', 'base64:/w=='],
    ]),
  });
});

test('replay says what it sends, and a dry run what it would send', async () => {
  expect(await run('dlq', 'replay', ...at, '--dry-run')).toBe(0);
  expect(output).toContain('would go to t: 0@0 ');
  expect(output).toContain('2 dead letters of t would be sent again\n');
  expect(driver.broker.log({ topic: 't', partition: 0 })).toEqual([]);
  output = '';
  expect(await run('dlq', 'replay', ...at, '--limit', '1')).toBe(0);
  expect(output).toContain('sent to t: 0@0 ');
  expect(output).toContain('1 dead letters of t were sent again\n');
  const [record] = driver.broker.log({ topic: 't', partition: 0 });
  expect(record?.headers.map(([name]) => name)).toEqual(['lang', 'bytes']);
});

test('replay that is interrupted says what it did, and that there may be more', async () => {
  let complained = '';
  const code = await main(['dlq', 'replay', ...at], {
    print: (text) => {
      if (text.startsWith('sent')) process.emit('SIGINT');
      output += text;
    },
    complain: (text) => {
      complained += text;
    },
    connect: async () => memory({ broker: driver.broker }),
  });
  expect(code).toBe(1);
  expect(output).toContain('2 dead letters of t were sent again\n');
  expect(complained).toBe(
    'interrupted: it ends with the messages under way\n' +
      'failed: it was interrupted; run it again for the rest\n',
  );
  expect([process.listenerCount('SIGINT'), process.listenerCount('SIGTERM')]).toEqual(listeners);
});

test('a letter of somebody else is listed with what is known of it', async () => {
  await driver.admin.create({ name: 'u.dlq', partitions: 1, config: {} });
  await using messaging = createMessaging({
    name: 'test',
    driver: memory({ broker: driver.broker }),
  });
  const letters = defineTopic({ name: 'u.dlq', partitions: 1, schema: z.string() });
  await messaging.send(letters, 'x', { timestamp: 0 });
  expect(await run('dlq', 'list', '--brokers', 'one:9092', '--topic', 'u')).toBe(0);
  expect(output).toContain(
    '0@0  1970-01-01T00:00:00.000Z  key -  from -[-]@-  group -  attempts -  -: -\n',
  );
});

test('help is no mistake', async () => {
  expect(await run('--help')).toBe(0);
  expect(output).toMatch(/^Usage: shopgpt-messaging dlq/);
});

test.each([
  [[], 'say what to do'],
  [['dlq'], 'say what to do'],
  [['dlq', 'constructor', ...at], 'say what to do'],
  [['topics', 'list', ...at], 'say what to do'],
  [['dlq', 'list', '--topic', 't'], '--brokers and --topic are needed'],
  [['dlq', 'show', ...at], 'show needs --partition and --offset'],
  [['dlq', 'list', ...at, '--limit', '-1'], '--limit'],
  [['dlq', 'list', ...at, '--limit', 'ten'], '--limit must be a whole number from 0 up, got "ten"'],
  [['dlq', 'list', ...at, '--lim', '1'], "Unknown option '--lim'"],
  [['dlq', 'list', '--brokers', 'one', '--topic', 't'], '--brokers must be host:port'],
  [['dlq', 'list', '--brokers', 'one:9092, two:9092', '--topic', 't'], 'got " two:9092"'],
  [['dlq', 'list', ...at, '--ca', 'ca.pem'], '--ca needs --ssl'],
  [['dlq', 'list', ...at, '--username', 'u'], '--username and --password-file need --sasl'],
  [['dlq', 'list', ...at, '--password-file', 'p'], '--username and --password-file need --sasl'],
  [['dlq', 'list', ...at, '--sasl', 'gssapi'], '--sasl must be plain, scram-sha-256 or'],
  [['dlq', 'list', ...at, '--sasl', 'plain', '--username', 'u'], '--sasl needs --username and'],
])('%j is answered with the usage', async (args, message) => {
  expect(await run(...args)).toBe(2);
  expect(complaints).toContain(message);
  expect(output).toBe('');
  expect(complaints).toContain('Usage: shopgpt-messaging');
});

test('what fails is said in one line', async () => {
  expect(await run('dlq', 'list', '--brokers', 'one:9092', '--topic', 'nowhere')).toBe(1);
  expect(complaints).toBe('failed: there is no topic "nowhere.dlq"\n');
  complaints = '';
  expect(await run('dlq', 'show', ...at, '--partition', '0', '--offset', '9')).toBe(1);
  expect(complaints).toBe('failed: there is no dead letter at partition 0 offset 9\n');
});

test('a file that is not there is told before anything is connected', async () => {
  const complain = (text: string) => {
    complaints += text;
  };
  const args = ['dlq', 'list', ...at, '--ssl', '--ca', '/nowhere/ca.pem'];
  expect(await main(args, { complain })).toBe(1);
  expect(complaints).toContain('ENOENT');
});
