import { createBatcher, settled } from '@shopgpt/batcher';

interface Answer {
  readonly hits?: { readonly hits: readonly { readonly _source: { readonly name: string } }[] };
  readonly error?: { readonly reason: string };
}

const searches = createBatcher<object, string[]>({
  name: 'msearch',
  maxBytes: 1 << 20,
  sizeOf: (query) => JSON.stringify(query).length,
  onBatchError: { bisect: { maxExtraCalls: 20 } }, // a search may be repeated
  process: async (queries, { signal }) => {
    const lines = queries.flatMap((query) => [{ index: 'products' }, query]);
    const response = await fetch(`${process.env['SEARCH_URL']}/_msearch`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
      signal,
    });
    // One query that it cannot parse, and the engine refuses the request: hence onBatchError.
    if (!response.ok) throw new Error(`search answered ${response.status}`);
    const { responses } = (await response.json()) as { responses: Answer[] };
    // What fails while it searches is the error of that caller alone.
    return settled(
      responses.map(({ hits, error }) =>
        hits
          ? { status: 'fulfilled', value: hits.hits.map((hit) => hit._source.name) }
          : { status: 'rejected', reason: new Error(error?.reason) },
      ),
    );
  },
});

const outcomes = await Promise.allSettled([
  searches.add({ query: { match: { name: 'lamp' } } }),
  searches.add({ query: { nonsense: {} } }),
  searches.add({ query: { match_all: {} }, sort: ['name'] }), // no order on a text
  searches.add({ query: { match: { name: 'rug' } } }),
]);
console.log(outcomes.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.message)));

await searches.close();
