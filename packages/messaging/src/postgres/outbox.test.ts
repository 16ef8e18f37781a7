import { propagation } from '@opentelemetry/api';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { MessageTooLargeError, SchemaError } from '../errors.ts';
import { defineTopic } from '../topics/topic.ts';
import { headersFromJson, outbox } from './outbox.ts';
import { inboxSchema, outboxSchema } from './schema.ts';

const topic = defineTopic({ name: 't', partitions: 1, schema: z.string(), key: () => 'a\0b' });

/** Notes what it is asked. */
function transaction() {
  const asked: { text: string; values: unknown[] }[] = [];
  return {
    asked,
    query: async (text: string, values: unknown[] = []) => {
      asked.push({ text, values });
      return { rows: [], rowCount: 1 };
    },
  };
}

test('writes one statement with the columns that Debezium reads', async () => {
  const { asked, query } = transaction();
  const id = await outbox.enqueue({ query }, topic, 'hello', { table: 'shop.outbox' });
  const [{ text, values } = { text: '', values: [] }] = asked;
  expect(asked).toHaveLength(1);
  expect(text).toContain('insert into shop.outbox (id, aggregatetype, aggregateid, type,');
  expect(text).toContain("pg_notify('shop_outbox_rows', '')");
  expect(values.slice(0, 3)).toEqual([id, 't', 'a\uFFFDb']);
  expect([String(values[3]), String(values[4])]).toEqual(['a\0b', '"hello"']);
});

test('puts the trace context and the id of the message into the headers', async () => {
  propagation.setGlobalPropagator({
    inject: (_context, carrier, setter) => setter.set(carrier, 'traceparent', '00-trace'),
    extract: (context) => context,
    fields: () => ['traceparent'],
  });
  onTestFinished(() => propagation.disable());
  const { asked, query } = transaction();
  const options = { headers: { odd: Uint8Array.of(0, 255), none: null } };
  const id = await outbox.enqueue({ query }, topic, 'hello', options);
  const headers = headersFromJson(String(asked[0]?.values[5]));
  expect(headers.map(([name, value]) => [name, value && [...value]])).toEqual([
    ['odd', [0, 255]],
    ['none', null],
    ['x-message-id', [...Buffer.from(id)]],
    ['traceparent', [...Buffer.from('00-trace')]],
  ]);
});

test('asks the database nothing for a message that cannot be sent', async () => {
  const { asked, query } = transaction();
  const enqueue = (message: unknown, options = {}) =>
    outbox.enqueue({ query }, topic, message as string, options);
  await expect(enqueue(1)).rejects.toThrow(SchemaError);
  await expect(enqueue('x'.repeat(900_000))).rejects.toThrow(MessageTooLargeError);
  await expect(enqueue('x'.repeat(100), { maxBytes: 100 })).rejects.toThrow(MessageTooLargeError);
  await expect(enqueue('x', { table: 'a; drop' })).rejects.toThrow('table must be a name');
  await expect(enqueue('x', { headers: { 'x-message-id': 'mine' } })).rejects.toThrow(
    'headers["x-message-id"] is written by messaging',
  );
  expect(asked).toEqual([]);
});

test.each(['', '1a', 'A', 'a.b.c', 'a b', "a'", 'a'.repeat(42)])(
  'refuses the table "%s"',
  (table) => {
    expect(() => outboxSchema({ table })).toThrow('table must be a name of small letters');
    expect(() => inboxSchema({ table })).toThrow('table must be a name of small letters');
  },
);

test('the names of indexes belong to their tables', () => {
  expect(outboxSchema()).toContain('outbox_sequence on outbox (sequence)');
  expect(outboxSchema({ table: 'shop.events' })).toContain('shop_events_sequence on shop.events');
  expect(inboxSchema()).toContain('inbox_received_at on inbox (received_at)');
});
