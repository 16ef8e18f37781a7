import { expect, test } from 'vitest';
import type { Coordinator } from './coordinator.ts';
import { commitOffsets } from './group-offsets.ts';

const member = { group: 'g', generationId: 3, memberId: 'm' };
const errorOf = (code: number) => new Error(`code ${code}`);

/** Commits two partitions, about which the coordinator says these codes. */
async function commit(...codes: readonly number[]): Promise<void> {
  const partitions = codes.map((errorCode, partition) => ({ partition, errorCode }));
  const answer = { responses: [{ topic: 't', partitions }] };
  const coordinator = { call: async () => answer } as unknown;
  const offsets = codes.map((_, partition) => ({ topic: 't', partition, offset: 5 }));
  const options = { forMs: 1_000 };
  await commitOffsets(coordinator as Pick<Coordinator, 'call'>, member, offsets, errorOf, options);
}

test.each([22, 25, 27])('a commit that the group refuses with code %i is stale', async (code) => {
  await expect(commit(0, code)).rejects.toMatchObject({ isStale: true, isRetriable: false });
});

test('a commit that fails otherwise is not stale', async () => {
  await expect(commit(7, 0)).rejects.toMatchObject({
    ...{ isStale: false, isRetriable: true },
    message: 'offsets were not committed: code 7',
  });
});

test('a topic that is gone does not spoil the commit of the others', async () => {
  await expect(commit(3, 0)).resolves.toBeUndefined();
});
