import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { startKafka, startPostgres } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/<!-- (examples\/\S+) -->\n```ts\n([\s\S]*?)```/g)];
const files = readdirSync(path.join(root, 'examples')).map((file) => `examples/${file}`);

/** What an example prints, run as a user would. */
async function output(
  file: string,
  env: Record<string, string> = {},
  flags: readonly string[] = [],
): Promise<string> {
  const args = ['--conditions=@shopgpt/source', ...flags, path.join(root, 'examples', file)];
  const options = { env: { ...process.env, ...env, NO_COLOR: '1' } };
  return (await promisify(execFile)(process.execPath, args, options)).stdout;
}

test('every ts block of the README is a file of examples, word for word', () => {
  expect(readme.match(/```ts\n/g)?.length).toBe(blocks.length);
  expect(blocks.map(([, file]) => file).sort()).toEqual(files.sort());
  for (const [, file = '', block] of blocks) {
    expect(block, file).toBe(readFileSync(path.join(root, file), 'utf8'));
  }
});

/** What each prints, on whatever broker. */
const examples = [
  ['first.ts', 'written at offset 0\norder o1 over 19 is paid, at attempt 1\n'],
  [
    'sending.ts',
    "[ 'fulfilled', 'fulfilled' ]\n" +
      'topic "clicks": message.page: Invalid input: expected string, received number\n',
  ],
  [
    'failures.ts',
    'good: attempt 1\nbusy: attempt 3\nx-error-name: PoisonError\n' +
      'x-error-message: no attempt will ever succeed\nx-error-code: ERR_MESSAGING_POISON\n',
  ],
  ['batches.ts', 'partition 0: 0 /, 1 /cart, 2 /\n'],
  ['versions.ts', 'Lovelace, Ada\nHopper, Grace\n'],
  [
    'provision.ts',
    'differs    stock: has 2 partitions, wanted 4; raised only with raisePartitions: true, for the order of keys breaks\n' +
      'differs    stock: max.message.bytes is 1048588, wanted 2000000\n' +
      'create     stock.dlq: partitions 1, retention.ms=2592000000, max.message.bytes=2016384\n\n' +
      "[ 'raise-partitions', 'drift', 'create' ]\n",
  ],
  ['middleware.ts', 'to ada@example.com\nmails mailer: done\n'],
] as const;

test.each(examples)('%s prints what it should on the broker in memory', async (file, printed) => {
  expect(await output(file)).toBe(printed);
});

test('testing.ts loses answers and writes once', async () => {
  expect(await output('testing.ts')).toBe('written once\n');
});

describe('on a real Kafka', () => {
  const kafka = useServer(startKafka);

  test.each(examples)('%s prints the same', async (file, printed) => {
    const instead = `--import=${path.join(root, 'test/kafka-instead.child.ts')}`;
    expect(await output(file, { KAFKA_BROKERS: kafka().url }, [instead])).toBe(printed);
  });

  test('kafka.ts makes its topic and writes to it', async () => {
    expect(await output('kafka.ts', { KAFKA_BROKERS: kafka().url })).toBe(
      'create     chat-messages: partitions 10, retention.ms=604800000\n' +
        'create     chat-messages.dlq: partitions 1, retention.ms=2592000000, max.message.bytes=1064972\n\n' +
        'written at offset 0\n',
    );
  });
});

describe('with PostgreSQL', () => {
  const postgres = useServer(startPostgres);

  test('outbox.ts sends what was committed, and it is noted once', async () => {
    expect(await output('outbox.ts', { DATABASE_URL: postgres().url })).toBe('order o1 is noted\n');
    const client = new Client({ connectionString: postgres().url });
    await client.connect();
    const { rows } = await client.query('select (select count(*) from outbox) as waiting');
    await client.query('drop table outbox, inbox');
    await client.end();
    expect(rows).toEqual([{ waiting: '0' }]);
  });
});
