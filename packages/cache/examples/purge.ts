import { once } from 'node:events';
import { createServer } from 'node:http';
import { createCache } from '@shopgpt/cache';
import { headerTag } from '@shopgpt/cache/http';

// Stands in for a CDN that takes purges as Fastly does.
const cdn = createServer((request, response) => {
  console.log(request.method, request.url, request.headers['surrogate-key'] ?? 'everything');
  response.end();
}).listen(0, '127.0.0.1');
await once(cdn, 'listening');
const address = cdn.address();
const api = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;

const products = createCache<string>({
  name: 'product',
  ttlMs: 300_000,
  async onInvalidateTags(tags, { signal }) {
    const keys = tags?.map(headerTag).join(' ');
    const headers = keys === undefined ? {} : { 'Surrogate-Key': keys };
    const path = keys === undefined ? '/purge_all' : '/purge';
    const response = await fetch(api + path, { method: 'POST', headers, signal });
    // It is called again later.
    if (!response.ok) throw new Error(`the purge was answered with ${response.status}`);
  },
});

await products.invalidateTags('catalog', 'top sellers');
await products.close();
console.log(products.stats().purges);
cdn.close();
