import assert from 'node:assert/strict';
import type { Tier } from '../tier.ts';

/** The `test` of vitest, jest or node:test. */
export type TestFunction = (title: string, run: () => Promise<void>) => unknown;

/** The bytes under a key, as `deepEqual` can compare them. */
export async function readPlain(tier: Tier, key: string): Promise<number[] | undefined> {
  const [bytes] = await tier.read([key]);
  return bytes && [...bytes];
}

/** Resolves when the condition holds; rejects when it does not within 5 s. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + 5000;
  while (!(await condition())) {
    assert.ok(performance.now() < endsAt, 'nothing happened within 5 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
