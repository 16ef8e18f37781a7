import { once } from 'node:events';
import { createCache } from '@shopgpt/cache';
import { cached } from '@shopgpt/cache/http';
import express, { type Request } from 'express';

interface Product {
  readonly id: string;
  readonly name: string;
}

const products = createCache<Product>({ name: 'product', ttlMs: 300_000 });
const app = express();

app.get(
  '/products/:id',
  cached(products, {
    key: (req: Request<{ id: string }>) => req.params.id,
    load: async (req, { signal }) => {
      signal.throwIfAborted();
      return { id: req.params.id, name: 'Lamp' };
    },
    tags: (req) => ['catalog', `product:${req.params.id}`],
    isPublic: true,
    staleWhileRevalidateMs: 60_000,
  }),
);

const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/products/p1`;

const first = await fetch(url);
for (const name of ['cache-control', 'surrogate-key', 'cache-status']) {
  console.log(first.headers.get(name));
}
await first.json();

const etag = first.headers.get('etag') ?? '';
const again = await fetch(url, { headers: { 'If-None-Match': etag } });
console.log(again.status, again.headers.get('cache-status'));

await products.close();
server.close();
