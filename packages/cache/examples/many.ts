import { createCache } from '@shopgpt/cache';

const prices = createCache<number>({ name: 'price', ttlMs: 60_000, negativeTtlMs: 5_000 });
await prices.set('lamp', 19);

// One call for all that is missing. What is not in the Map has no value.
const found = await prices.getMany(['lamp', 'table', 'unicorn'], async (missing, { signal }) => {
  console.log('loads', missing.join(', '), signal.aborted);
  return new Map([['table', 99]]);
});
console.log(Object.fromEntries(found));

await prices.close();
