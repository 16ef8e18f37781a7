import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { startPgBouncer, startPostgres } from '../src/index.ts';
import { useServer } from '../src/vitest.ts';

describe('PgBouncer', () => {
  const postgres = useServer(startPostgres, { own: true });

  describe('in front of PostgreSQL', () => {
    const pooler = useServer(() => startPgBouncer({ target: postgres().url, poolSize: 1 }));

    test('gives the same connection to one client after the other', async () => {
      expect(pooler()).toMatchObject({ name: 'PgBouncer', version: expect.stringMatching(/^1\./) });
      const clients = [new pg.Client(pooler().url), new pg.Client(pooler().url)];
      const pids: unknown[] = [];
      for (const client of clients) {
        await client.connect();
        const { rows } = await client.query('select pg_backend_pid() as pid');
        pids.push(rows[0].pid);
      }
      expect(pids[0]).toBe(pids[1]);
      for (const client of clients) await client.end();
    });

    test('is silent while paused, and works again after a kill', async () => {
      await pooler().pause();
      const client = new pg.Client({
        connectionString: pooler().url,
        connectionTimeoutMillis: 300,
      });
      await expect(client.connect()).rejects.toThrow('timeout');
      await pooler().resume();
      await pooler().kill();
      await pooler().restart();
      const again = new pg.Client(pooler().url);
      await again.connect();
      expect((await again.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
      await again.end();
    });
  });
});
