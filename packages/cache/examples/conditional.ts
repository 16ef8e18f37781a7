import { once } from 'node:events';
import { createServer } from 'node:http';
import { createCache, type LoadContext } from '@shopgpt/cache';

// Stands in for somebody's API: it sends the price list only to who does not have it yet.
const server = createServer((request, response) => {
  const isKnown = request.headers['if-none-match'] === '"2026-11"';
  response.writeHead(isKnown ? 304 : 200, { etag: '"2026-11"' });
  response.end(isKnown ? undefined : '{"lamp":19}');
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;

type Prices = Readonly<Record<string, number>>;

async function load({ previous, signal, setEtag }: LoadContext<Prices>): Promise<Prices> {
  const headers = previous && { 'if-none-match': previous.etag };
  const response = await fetch(url, { signal, ...(headers && { headers }) });
  console.log(response.status);
  // It keeps its etag and is fresh again.
  if (response.status === 304 && previous) return previous.value;
  const etag = response.headers.get('etag');
  if (etag) setEtag(etag);
  return (await response.json()) as Prices;
}

const prices = createCache<Prices>({ name: 'prices', ttlMs: 60_000 });
await prices.getOrSet('all', load);
await prices.expire('all');
console.log((await prices.getOrSet('all', load))['lamp'], prices.entry('all')?.etag);

await prices.close();
server.close();
