/** The `code` of every error of the outbox, beside those of messaging. */
export type PostgresErrorCode = PooledConnectionError['code'];

/** The relay was given connections that go through a pooler. */
export class PooledConnectionError extends Error {
  override readonly name = 'PooledConnectionError';
  readonly code = 'ERR_MESSAGING_POOLED_CONNECTION';

  constructor(options?: ErrorOptions) {
    super(
      'the relay needs a direct connection to PostgreSQL (it holds a session lock and listens), and this one goes ' +
        'through a pooler such as PgBouncer: give it a pool of its own with max 1. outbox.enqueue and inbox.once ' +
        'work through a pooler',
      options,
    );
  }
}
