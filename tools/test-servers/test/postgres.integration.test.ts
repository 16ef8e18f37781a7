import pg from 'pg';
import { expect, test } from 'vitest';
import { startPostgres } from '../src/postgres.ts';
import { useServer } from '../src/vitest.ts';

const server = useServer(startPostgres, { own: true });

test('keeps its data over a kill', async () => {
  const query = async (sql: string) => {
    const client = new pg.Client(server().url);
    client.on('error', () => undefined);
    await client.connect();
    const result = await client.query(sql);
    await client.end();
    return result.rows;
  };
  await query('CREATE TABLE kept AS SELECT 42 AS answer');
  await server().kill();
  await expect(query('SELECT 1')).rejects.toThrow();
  await server().restart();
  expect(await query('SELECT * FROM kept')).toEqual([{ answer: 42 }]);
});
