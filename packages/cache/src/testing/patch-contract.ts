import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Tier } from '../tier.ts';
import { readPlain, type TestFunction, until } from './contract.ts';

/** What a tier with `patch` must do. */
export function patchContract(test: TestFunction, open: () => Tier | Promise<Tier>): void {
  const ms = 60_000;
  const head = Uint8Array.of(1, 2);
  const next = Uint8Array.of(8, 9);
  type Patch = NonNullable<Tier['patch']>;
  const contract = (title: string, run: (patch: Patch, key: string, tier: Tier) => Promise<void>) =>
    test(title, async () => {
      const tier = await open();
      assert.ok(tier.patch, 'has no patch');
      await run(tier.patch.bind(tier), `contract:{${randomUUID()}}`, tier);
    });

  contract('replaces the bytes that follow a beginning', async (patch, key, tier) => {
    const bytes = Uint8Array.of(1, 2, 3, 4, 5);
    await tier.write(key, bytes, ms);
    await patch(key, head, next, ms);
    assert.deepEqual(await readPlain(tier, key), [1, 2, 8, 9, 5]);
    assert.deepEqual([...bytes], [1, 2, 3, 4, 5]);
  });

  contract('deletes what begins otherwise, and minds nothing absent', async (patch, key, tier) => {
    for (const bytes of [[1, 9, 3, 4, 5], [1], []]) {
      await tier.write(key, Uint8Array.from(bytes), ms);
      await patch(key, head, next, ms);
      assert.deepEqual(await tier.read([key]), [undefined]);
    }
    await patch(key, head, next, ms);
    assert.deepEqual(await tier.read([key]), [undefined]);
  });

  contract('never keeps for longer what it patches', async (patch, key, tier) => {
    const other = `${key}:other`;
    await tier.write(key, Uint8Array.of(1, 2, 3, 4), ms);
    await tier.write(other, Uint8Array.of(1, 2, 3, 4), 40);
    await patch(key, head, next, 40);
    await patch(other, head, next, ms);
    await until(async () => (await tier.read([key, other])).every((bytes) => !bytes));
  });

  contract(
    'a patch ends the lease: what was loaded under it is not written',
    async (patch, key, tier) => {
      if (!tier.leases) return;
      for (const begin of [[1, 2, 3, 4], [7]]) {
        await tier.write(key, Uint8Array.from(begin), ms);
        await tier.leases.take(key, 'a', ms, Uint8Array.from(begin));
        await patch(key, head, next, ms);
        const after = await readPlain(tier, key);
        assert.equal(await tier.leases.write(key, 'a', Uint8Array.of(6), ms), 'gone');
        assert.deepEqual(await readPlain(tier, key), after);
      }
    },
  );

  contract('patches what was written just before', async (patch, key, tier) => {
    const written = tier.write(key, Uint8Array.of(1, 2, 3, 4), ms);
    await Promise.all([written, patch(key, head, next, ms)]);
    assert.deepEqual(await readPlain(tier, key), [1, 2, 8, 9]);
  });
}
