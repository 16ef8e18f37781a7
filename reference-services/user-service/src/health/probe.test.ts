import { expect, test, vi } from 'vitest';
import { createProbe } from './probe.ts';

const never = () => new Promise<never>(() => undefined);

test('says whether the check succeeded, and never fails itself', async () => {
  const options = { timeoutMs: 1_000, freshMs: 0 };
  expect(await createProbe(() => Promise.resolve(), options)()).toBe(true);
  expect(await createProbe(() => Promise.reject(new Error('down')), options)()).toBe(false);
  expect(await createProbe(never, { ...options, timeoutMs: 1 })()).toBe(false);
});

test('one check runs at a time, however many ask and however long it hangs', async () => {
  const check = vi.fn(never);
  const probe = createProbe(check, { timeoutMs: 1, freshMs: 0 });
  expect(await Promise.all([probe(), probe()])).toEqual([false, false]);
  expect(await probe()).toBe(false);
  expect(check).toHaveBeenCalledOnce();
});

test('a good answer is good for a while, a bad one is not', async () => {
  const check = vi.fn<() => Promise<void>>().mockRejectedValueOnce(new Error('down'));
  check.mockResolvedValue();
  const probe = createProbe(check, { timeoutMs: 1_000, freshMs: 60_000 });
  expect(await probe()).toBe(false);
  expect(await probe()).toBe(true);
  expect(await probe()).toBe(true);
  expect(check).toHaveBeenCalledTimes(2);
});
