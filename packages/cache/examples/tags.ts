import { createCache } from '@shopgpt/cache';

const products = createCache<string>({ name: 'catalog', ttlMs: 300_000 });
await products.getOrSet('lamp', () => 'Lamp, 19', { tags: ['catalog', 'store:7'] });
await products.getOrSet('table', () => 'Table, 99', { tags: ['catalog'] });

await products.invalidateTags('store:7');
console.log(products.peek('lamp'), products.peek('table'));

await products.clear();
console.log(products.peek('table'), products.entry('table'));

await products.close();
