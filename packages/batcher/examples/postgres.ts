import { createBatcher, settled } from '@shopgpt/batcher';
import { Pool } from 'pg';

interface Product {
  readonly id: number;
  readonly name: string;
}

const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 4 });

const products = createBatcher<number, Product | undefined>({
  name: 'products',
  concurrency: 4, // as many batches in flight as the pool has connections
  dedupeKey: (id) => id,
  process: async (ids) => {
    const text = 'select id, name from product where id = any($1)';
    const { rows } = await pool.query<Product>(text, [ids]);
    // The database gives rows in its own order, and none for what it lacks.
    const byId = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => byId.get(id));
  },
});

/** Rows are inserted together; a duplicate is the error of its own caller. */
const inserts = createBatcher<Product, 'inserted'>({
  name: 'inserts',
  process: async (items) => {
    const text = `insert into product select * from unnest($1::int[], $2::text[])
                  on conflict do nothing returning id`;
    const columns = [items.map(({ id }) => id), items.map(({ name }) => name)];
    const { rows } = await pool.query<{ id: number }>(text, columns);
    const inserted = new Set(rows.map(({ id }) => id));
    return settled(
      items.map(({ id }) =>
        inserted.delete(id)
          ? { status: 'fulfilled', value: 'inserted' }
          : { status: 'rejected', reason: new Error(`product ${id} exists`) },
      ),
    );
  },
});

const outcomes = await Promise.allSettled([
  inserts.add({ id: 3, name: 'Table' }),
  inserts.add({ id: 1, name: 'Lamp' }),
]);
console.log(outcomes.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.message)));

const found = await Promise.all([3, 1, 9, 1].map((id) => products.add(id)));
console.log(
  found.map((product) => product?.name),
  products.stats().items,
);

await Promise.all([products.close(), inserts.close()]);
await pool.end();
