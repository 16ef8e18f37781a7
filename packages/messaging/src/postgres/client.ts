/** What is needed of node-postgres' `Pool`, `Client` or `PoolClient`: whatever has this shape will do. */
export interface Queryable {
  query(
    text: string,
    values?: unknown[],
  ): Promise<{
    readonly rows: readonly Record<string, unknown>[];
    readonly rowCount: number | null;
  }>;
}

/** What is needed of node-postgres' `PoolClient`. */
export interface PooledClient extends Queryable {
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'notification', listener: () => void): unknown;
  removeListener(event: 'error', listener: (error: Error) => void): unknown;
  removeListener(event: 'notification', listener: () => void): unknown;
  /** @param error when the connection cannot be used any more */
  release(error?: Error): void;
}

/** What is needed of node-postgres' `Pool`. */
export interface ClientPool {
  connect(): Promise<PooledClient>;
}

/**
 * A table's name as it can stand in a statement.
 *
 * @throws TypeError unless it is a plain name, perhaps with its schema
 */
export function checkTable(field: string, table: string): string {
  if (typeof table === 'string' && /^([a-z_][a-z0-9_]*\.)?[a-z_][a-z0-9_]{0,40}$/.test(table)) {
    return table;
  }
  throw new TypeError(
    `${field} must be a name of small letters, digits and _, perhaps with its schema, got ${JSON.stringify(table)}`,
  );
}

/** The names of indexes and channels that belong to a table. */
export function nameFrom(table: string, suffix: string): string {
  return `${table.replace('.', '_')}_${suffix}`;
}
