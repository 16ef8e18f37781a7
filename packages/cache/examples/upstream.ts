import { createCache } from '@shopgpt/cache';
import { upstreamLife } from '@shopgpt/cache/http';

// Stands in for `fetch('https://...', { signal })`.
const ask = async () =>
  new Response('{"EUR":1}', {
    headers: { 'Cache-Control': 's-maxage=600', Age: '60', ETag: '"r1"' },
  });

const rates = createCache<Record<string, number>>({ name: 'rates', ttlMs: 60_000 });

await rates.getOrSet('EUR', async ({ setTtl, setEtag, skip }) => {
  const response = await ask();
  if (!response.ok) throw new Error(`rates: ${response.status}`);
  const life = upstreamLife(response.headers, { defaultTtlMs: 60_000 });
  if (life.isStorable) setTtl(life.ttlMs);
  else skip();
  if (life.etag) setEtag(life.etag);
  return (await response.json()) as Record<string, number>;
});
const entry = rates.entry('EUR');
console.log(Math.round((entry?.ttlMs ?? 0) / 1000), entry?.etag);

await rates.close();
