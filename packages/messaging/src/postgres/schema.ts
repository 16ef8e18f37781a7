import { checkTable, nameFrom } from './client.ts';

/** Of `outbox` and `inbox`. */
export interface TableOptions {
  /** The table's name, perhaps with its schema. Default `outbox` or `inbox`. */
  readonly table?: string;
}

/**
 * Statements that make the outbox, for a migration; nothing happens to one that is there. The columns `id`,
 * `aggregatetype`, `aggregateid`, `type` and `payload` are those that Debezium's outbox event router reads, with
 * `route.topic.replacement` set to `${routedByValue}`.
 *
 * The index is for the relay, which reads the oldest rows first. PostgreSQL 14 or newer.
 *
 * @throws TypeError when the table's name is none
 */
export function outboxSchema(options: TableOptions = {}): string {
  const table = checkTable('table', options.table ?? 'outbox');
  return `create table if not exists ${table} (
  id uuid primary key,                                   -- of the message, also in its header x-message-id
  sequence bigint generated always as identity,          -- the order in which rows were inserted
  transaction_id xid8 not null default pg_current_xact_id(),
  aggregatetype text not null,                           -- the topic
  aggregateid text,                                      -- the key as text
  type text not null,
  key bytea,
  payload bytea,                                         -- null is a tombstone
  headers jsonb not null default '[]',                   -- [[name, base64 or null], ...]
  created_at timestamptz not null default clock_timestamp()
);
create unique index if not exists ${nameFrom(table, 'sequence')} on ${table} (sequence);
`;
}

/**
 * Statements that make the inbox, for a migration; nothing happens to one that is there. The index is for `cleanUp`.
 *
 * @throws TypeError when the table's name is none
 */
export function inboxSchema(options: TableOptions = {}): string {
  const table = checkTable('table', options.table ?? 'inbox');
  return `create table if not exists ${table} (
  consumer text not null,                                -- the group
  message_id text not null,
  received_at timestamptz not null default clock_timestamp(),
  primary key (consumer, message_id)
);
create index if not exists ${nameFrom(table, 'received_at')} on ${table} (received_at);
`;
}
