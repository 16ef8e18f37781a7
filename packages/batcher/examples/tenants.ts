import { createBatcher } from '@shopgpt/batcher';

interface Lookup {
  readonly tenant: string;
  readonly id: number;
}

const order: string[] = [];
const lookups = createBatcher<Lookup, string>({
  maxSize: 10,
  concurrency: 1,
  groupBy: ({ tenant }) => tenant, // a batch is of one tenant, and tenants take turns
  process: async (items) => {
    order.push(`${items[0]?.tenant} x ${items.length}`);
    return items.map(({ tenant, id }) => `${tenant}/${id}`);
  },
});

const flood = Array.from({ length: 30 }, (_, id) => lookups.add({ tenant: 'big', id }));
await Promise.all([...flood, lookups.add({ tenant: 'small', id: 1 })]);
console.log(order);

await lookups.close();
