import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import { withClient } from '../postgres-client.ts';
import { generateUsers, type SeedUser } from './users.ts';

const COUNT = 10_000;
const COPY = 'COPY users (id, email, name, version, created_at, updated_at) FROM STDIN';

/**
 * Fills the table `users` in one COPY when it is empty: all rows or none.
 *
 * @returns how many users were added
 */
export async function seedUsers(databaseUrl: string): Promise<number> {
  return withClient(databaseUrl, async (client) => {
    await client.query('BEGIN');
    // Two houses that start on one database must not both find the table empty.
    await client.query("SET LOCAL lock_timeout = '30s'");
    await client.query('LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE');
    const { rowCount } = await client.query('SELECT FROM users LIMIT 1');
    if (rowCount !== 0) return 0;
    const lines = generateUsers(COUNT).map(copyLine);
    await pipeline(Readable.from(lines), client.query(copyFrom(COPY)));
    await client.query('COMMIT');
    await client.query('ANALYZE users');
    return COUNT;
  });
}

/** A row in COPY's text format, in which backslash, tab and line feed have a meaning. */
export function copyLine(user: SeedUser): string {
  const { id, email, name, version, createdAt, updatedAt } = user;
  const fields = [id, email, name, version, createdAt.toISOString(), updatedAt.toISOString()];
  return `${fields.map((field) => escaped(String(field))).join('\t')}\n`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n');
}
