export type { ClientPool, PooledClient, Queryable } from './client.ts';
export { PooledConnectionError, type PostgresErrorCode } from './errors.ts';
export { type CleanUpOptions, type Inbox, type InboxMessage, inbox } from './inbox.ts';
export { type EnqueueOptions, type Outbox, outbox } from './outbox.ts';
export type { OutboxFigures } from './outbox-table.ts';
export {
  type Relay,
  type RelayHealth,
  type RelayOptions,
  type RelayStats,
  relay,
} from './relay.ts';
export { inboxSchema, outboxSchema, type TableOptions } from './schema.ts';
