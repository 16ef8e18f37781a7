import type { RawRecord } from '../record.ts';
import type { Queryable } from './client.ts';
import { headersFromJson } from './outbox.ts';

/** A message that waits in the outbox. */
export interface OutboxRow {
  /** As text: it may be larger than a number is exact. */
  readonly sequence: string;
  readonly id: string;
  readonly topic: string;
  readonly record: RawRecord;
}

/** How much one look at the table brings at most, beside its first row. */
const MAX_BYTES = 8 * 1024 * 1024;
/** More rows than this are not counted: a count reads them all. */
const COUNTED_ROWS = 100_000;

/** What waits, in numbers. */
export interface OutboxFigures {
  /** Rows, 100,000 at most. */
  readonly backlog: number;
  /** Since the oldest row was written, in ms; 0 when there is none. */
  readonly oldestMs: number;
  /** Since the oldest open transaction that writes began, in ms; 0 when there is none. It holds rows back. */
  readonly oldestTransactionMs: number;
}

/**
 * The rows that may go, oldest first, and whether others wait for an open transaction.
 *
 * A row goes when every transaction that is older than its own is over, and never before a visible row that
 * was inserted earlier. Sequences alone are not enough (a row of an open transaction is not seen yet), nor
 * are transaction ids alone (a transaction may get its id early and write late).
 */
export async function nextRows(
  client: Queryable,
  table: string,
  limit: number,
  heldTopics: readonly string[],
): Promise<{ readonly rows: readonly OutboxRow[]; readonly isFenced: boolean }> {
  const { rows: found } = await client.query(nextStatement(table), [limit, heldTopics, MAX_BYTES]);
  const fence = found.findIndex((row) => row['is_settled'] !== true);
  const settled = fence === -1 ? found : found.slice(0, fence);
  return { rows: settled.map(rowOf), isFenced: fence !== -1 };
}

const nextStatement = (table: string) => `select * from (
  select sequence::text, id::text, aggregatetype, key, payload, headers::text,
    (extract(epoch from created_at) * 1000)::bigint::text as created_ms,
    transaction_id < pg_snapshot_xmin(pg_current_snapshot()) as is_settled,
    sum(octet_length(payload)) over (order by sequence rows between unbounded preceding and 1 preceding) as before
  from (
    select * from ${table} where aggregatetype <> all ($2::text[]) order by sequence limit $1
  ) oldest
) batch where coalesce(before, 0) <= $3 order by sequence::bigint`;

/** Deletes what was sent: a statement of its own, which touches no row that anybody else writes. */
export async function removeRows(
  client: Queryable,
  table: string,
  rows: readonly OutboxRow[],
): Promise<void> {
  if (rows.length === 0) return;
  const sequences = rows.map(({ sequence }) => sequence);
  await client.query(`delete from ${table} where sequence = any ($1::bigint[])`, [sequences]);
}

export async function figuresOf(client: Queryable, table: string): Promise<OutboxFigures> {
  const { rows } = await client.query(figuresStatement(table));
  const number = (name: string) => Math.max(0, Math.round(Number(rows[0]?.[name] ?? 0)));
  return {
    backlog: number('backlog'),
    oldestMs: number('oldest_ms'),
    oldestTransactionMs: number('oldest_transaction_ms'),
  };
}

const figuresStatement = (table: string) => `select
  (select count(*) from (select from ${table} limit ${COUNTED_ROWS}) counted)::text as backlog,
  (select ${age('created_at')} from ${table} order by sequence limit 1) as oldest_ms,
  (select ${age('min(began)')} from (
    select xact_start as began from pg_stat_activity where backend_xid is not null and pid <> pg_backend_pid()
    union all select prepared from pg_prepared_xacts
   ) writing) as oldest_transaction_ms`;

function age(column: string): string {
  return `(extract(epoch from clock_timestamp() - ${column}) * 1000)::text`;
}

function rowOf(row: Record<string, unknown>): OutboxRow {
  return {
    sequence: String(row['sequence']),
    id: String(row['id']),
    topic: String(row['aggregatetype']),
    record: {
      key: bytesOf(row['key']),
      value: bytesOf(row['payload']),
      headers: headersFromJson(String(row['headers'])),
      timestamp: Number(row['created_ms']),
    },
  };
}

function bytesOf(value: unknown): Uint8Array | null {
  return value instanceof Uint8Array ? value : null;
}
