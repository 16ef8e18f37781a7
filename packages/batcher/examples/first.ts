import { createBatcher } from '@shopgpt/batcher';

const stock = createBatcher<string, number>({
  name: 'stock',
  // One request for all that was asked meanwhile; the results in the order of the ids.
  process: async (ids, { signal }) => {
    const amounts = JSON.stringify(ids.map((id) => id.length));
    const response = await fetch(`data:application/json,${amounts}`, { signal });
    return (await response.json()) as number[];
  },
});

// Three callers, who know nothing of each other; one request.
const amounts = await Promise.all([stock.add('lamp'), stock.add('rug'), stock.add('table')]);
console.log(amounts, stock.stats().batches);

await stock.close();
