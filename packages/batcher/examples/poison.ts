import { createBatcher } from '@shopgpt/batcher';

const index = createBatcher<string, string>({
  process: async (documents) => {
    if (documents.includes('broken')) throw new Error('the bulk request was refused');
    return documents.map((document) => `${document} indexed`);
  },
  // Sends items again: only where indexing the same document twice does no harm.
  onBatchError: { bisect: { maxExtraCalls: 20 } },
});

const documents = ['a', 'b', 'broken', 'c', 'd', 'e', 'f', 'g'];
const outcomes = await Promise.allSettled(documents.map((document) => index.add(document)));
const failed = documents.filter((_, i) => outcomes[i]?.status === 'rejected');
console.log(failed, index.stats().extraCalls);

await index.close();
