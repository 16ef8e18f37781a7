import { checkCount, checkMs } from '../check.ts';
import type { MessageContext } from '../consuming/message-context.ts';
import { headerNames } from '../topics/headers.ts';
import { checkTable, type Queryable } from './client.ts';
import type { TableOptions } from './schema.ts';

/** What identifies a message: the context of a handler has it. */
export type InboxMessage = Pick<
  MessageContext,
  'headers' | 'topic' | 'partition' | 'offset' | 'group'
>;

/** What `inbox.cleanUp` takes. */
export interface CleanUpOptions extends TableOptions {
  /** Messages that were noted longer ago are forgotten, in ms: choose more than a message can be redelivered after. */
  readonly olderThanMs: number;
  /** How many rows one statement deletes. Default 1,000. */
  readonly batchSize?: number;
}

/** Which messages a group has handled already. */
export interface Inbox {
  /**
   * Notes in the handler's own transaction that the message is handled, and says whether it is new: what
   * the transaction does then happens once, however often the message comes. Another transaction with the
   * same message waits for the end of the first.
   *
   * @param transaction a client of node-postgres on which the handler has begun a transaction
   * @returns false when it was handled before: do nothing then
   */
  once(transaction: Queryable, message: InboxMessage, options?: TableOptions): Promise<boolean>;
  /**
   * Forgets old messages in small batches, each a transaction of its own that skips locked rows, so that no
   * handler waits for it. Resolves to how many were forgotten.
   *
   * @param pool a pool or client of node-postgres outside of a transaction
   * @throws RangeError for a bad age or batch size
   */
  cleanUp(pool: Queryable, options: CleanUpOptions): Promise<number>;
}

/** Which messages a group has handled already. */
export const inbox: Inbox = {
  async once(transaction, message, options = {}) {
    const table = checkTable('table', options.table ?? 'inbox');
    const { rowCount } = await transaction.query(
      `insert into ${table} (consumer, message_id) values ($1, $2) on conflict do nothing`,
      [message.group, messageId(message)],
    );
    return rowCount === 1;
  },

  async cleanUp(pool, { table = 'inbox', olderThanMs, batchSize = 1_000 }) {
    checkTable('table', table);
    checkMs('olderThanMs', olderThanMs, 0);
    checkCount('batchSize', batchSize);
    for (let forgotten = 0; ; ) {
      const { rowCount } = await pool.query(cleanUpStatement(table), [olderThanMs, batchSize]);
      forgotten += rowCount ?? 0;
      if ((rowCount ?? 0) < batchSize) return forgotten;
    }
  },
};

const cleanUpStatement = (table: string) => `delete from ${table} where ctid = any (array(
  select ctid from ${table} where received_at <= clock_timestamp() - $1 * interval '1 ms'
  order by received_at limit $2 for update skip locked
))`;

/** The id that an outbox gave it; otherwise its place in the log, which is the same at each delivery. */
function messageId({ headers, topic, partition, offset }: InboxMessage): string {
  return headers[headerNames.messageId] ?? `${topic}/${partition}/${offset}`;
}
