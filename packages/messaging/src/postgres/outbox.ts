import { randomUUID } from 'node:crypto';
import { context, propagation } from '@opentelemetry/api';
import { MessageTooLargeError } from '../errors.ts';
import { recordBytes } from '../producing/delivery.ts';
import type { RawHeader } from '../record.ts';
import { type EncodeOptions, encodeMessage } from '../topics/envelope.ts';
import { headerNames, textHeader } from '../topics/headers.ts';
import type { Topic } from '../topics/topic.ts';
import { checkTable, nameFrom, type Queryable } from './client.ts';
import type { TableOptions } from './schema.ts';

/** What `outbox.enqueue` takes beside the message. */
export interface EnqueueOptions extends EncodeOptions, TableOptions {
  /** The largest message, in bytes: what the relay's batches and the topic have room for. Default 900,000. */
  readonly maxBytes?: number;
}

/** Messages that become true with the transaction that writes them. */
export interface Outbox {
  /**
   * Writes a message into the outbox, in the caller's transaction: it is sent if, and only if, that
   * commits. Resolves to the message's id.
   *
   * @param transaction a client of node-postgres on which the caller has begun a transaction
   * @throws SchemaError, MessageTooLargeError; TypeError for a bad key, header or table; what the database says
   */
  enqueue<Input>(
    transaction: Queryable,
    topic: Topic<unknown, Input>,
    message: NoInfer<Input>,
    options?: EnqueueOptions,
  ): Promise<string>;
}

/** One statement, so that it costs one round trip: PostgreSQL tells the relay when the transaction commits. */
const statement = (table: string) => `with written as (
  insert into ${table} (id, aggregatetype, aggregateid, type, key, payload, headers)
  values ($1, $2, $3, $2, $4, $5, $6) returning id
) select pg_notify('${outboxChannel(table)}', '') from written`;

/** Messages that become true with the transaction that writes them. */
export const outbox: Outbox = {
  async enqueue(transaction, topic, message, options = {}) {
    const table = checkTable('table', options.table ?? 'outbox');
    const maxBytes = options.maxBytes ?? 900_000;
    const id = randomUUID();
    const { key, value, headers } = await encodeMessage(topic, message, options);
    headers.push(textHeader(headerNames.messageId, id));
    propagation.inject(context.active(), headers, {
      set: (carrier, name, text) => void carrier.push(textHeader(name, text)),
    });
    const bytes = recordBytes({ key, value, headers, timestamp: 0 });
    if (bytes > maxBytes) throw new MessageTooLargeError(topic.name, bytes, maxBytes);
    const values = [id, topic.name, textOf(key), key, value, headersToJson(headers)];
    await transaction.query(statement(table), values);
    return id;
  },
};

/** Where the relay of a table listens. */
export function outboxChannel(table: string): string {
  return nameFrom(table, 'rows');
}

function headersToJson(headers: readonly RawHeader[]): string {
  const base64 = (value: Uint8Array) => Buffer.from(value).toString('base64');
  return JSON.stringify(headers.map(([name, value]) => [name, value && base64(value)]));
}

/** The inverse of what `enqueue` writes. */
export function headersFromJson(json: string): RawHeader[] {
  const pairs: readonly (readonly [string, string | null])[] = JSON.parse(json);
  return pairs.map(([name, value]) => [name, value === null ? null : Buffer.from(value, 'base64')]);
}

/** PostgreSQL's text cannot hold U+0000. */
function textOf(key: Uint8Array | null): string | null {
  return key && Buffer.from(key).toString().replaceAll('\0', '\uFFFD');
}
