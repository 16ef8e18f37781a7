import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Tier } from '../tier.ts';

/** The `test` of vitest, jest or node:test. */
export type TestFunction = (title: string, run: () => Promise<void>) => unknown;

/**
 * What every tier must do, as tests: call it in a test file of yours.
 *
 * @param open gives the tier under test, connected; called once for each test
 */
export function tierContract(test: TestFunction, open: () => Tier | Promise<Tier>): void {
  const contract = (title: string, run: (tier: Tier, key: string) => Promise<void>) =>
    test(title, async () => run(await open(), `contract:{${randomUUID()}}`));

  contract('is ready once it is connected, and has a name and a deadline', async (tier) => {
    assert.equal(tier.isReady(), true);
    assert.notEqual(tier.name, '');
    assert.ok(tier.timeoutMs > 0);
  });

  contract('reads nothing where nothing was written', async (tier, key) => {
    assert.deepEqual(await tier.read([key]), [undefined]);
  });

  contract('reads back the bytes that were written, whatever they are', async (tier, key) => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    await tier.write(key, bytes, 60_000);
    assert.deepEqual(await readPlain(tier, key), [...bytes]);
  });

  contract('tells an empty value from none', async (tier, key) => {
    await tier.write(key, new Uint8Array(0), 60_000);
    assert.deepEqual(await readPlain(tier, key), []);
  });

  contract('carries a megabyte', async (tier, key) => {
    await tier.write(key, new Uint8Array(1_000_000).fill(7), 60_000);
    const [bytes] = await tier.read([key]);
    assert.equal(bytes?.length, 1_000_000);
    assert.equal(bytes?.[999_999], 7);
  });

  contract('answers in the order of the keys, also for keys named twice', async (tier, key) => {
    const other = `${key}:other`;
    await tier.write(key, Uint8Array.of(1), 60_000);
    await tier.write(other, Uint8Array.of(2), 60_000);
    const answers = await tier.read([other, `${key}:absent`, key, other]);
    assert.deepEqual(
      answers.map((bytes) => bytes?.[0]),
      [2, undefined, 1, 2],
    );
  });

  contract('keeps the later of two writes', async (tier, key) => {
    await Promise.all([
      tier.write(key, Uint8Array.of(1), 60_000),
      tier.write(key, Uint8Array.of(2), 60_000),
    ]);
    assert.deepEqual(await readPlain(tier, key), [2]);
  });

  contract('deletes keys, and minds none that is absent', async (tier, key) => {
    const other = `${key}:other`;
    await tier.write(key, Uint8Array.of(1), 60_000);
    await tier.write(other, Uint8Array.of(2), 60_000);
    await tier.delete([key, `${key}:absent`, other]);
    assert.deepEqual(await tier.read([key, other]), [undefined, undefined]);
  });

  contract('does things in the order in which they were called', async (tier, key) => {
    const bytes = Uint8Array.of(1);
    const [, before, , after] = await Promise.all([
      tier.write(key, bytes, 60_000),
      tier.read([key]),
      tier.delete([key]),
      tier.read([key]),
    ]);
    assert.equal(before?.[0]?.[0], 1);
    assert.equal(after?.[0], undefined);
  });

  contract('keeps keys apart that differ in one character', async (tier, key) => {
    await tier.write(`${key}%`, Uint8Array.of(1), 60_000);
    assert.deepEqual(await tier.read([key, `${key}%25`, `${key} %`]), [
      undefined,
      undefined,
      undefined,
    ]);
  });

  contract(
    'forgets a value after its ttl, and a later write starts a new one',
    async (tier, key) => {
      await tier.write(key, Uint8Array.of(1), 40);
      await until(async () => (await tier.read([key]))[0] === undefined);
      await tier.write(key, Uint8Array.of(2), 60_000);
      assert.deepEqual(await readPlain(tier, key), [2]);
    },
  );
}

async function readPlain(tier: Tier, key: string): Promise<number[] | undefined> {
  const [bytes] = await tier.read([key]);
  return bytes && [...bytes];
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + 5000;
  while (!(await condition())) {
    assert.ok(performance.now() < endsAt, 'the value outlived its ttl by 5 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
