import { expect, test, vi } from 'vitest';
import { MigrationError } from './database/migrations.ts';
import { pauseAfter, untilPrepared } from './startup.ts';

const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
const { signal } = new AbortController();

test('tries until the database is there, and tells of each failure', async () => {
  const prepare = vi.fn<() => Promise<void>>();
  prepare.mockRejectedValueOnce(away).mockRejectedValueOnce(away).mockResolvedValue();
  const onAway = vi.fn();
  const pause = vi.fn(() => Promise.resolve());
  await untilPrepared(prepare, { signal, onAway, pause });
  expect(prepare).toHaveBeenCalledTimes(3);
  expect(pause).toHaveBeenCalledTimes(2);
  expect(onAway).toHaveBeenCalledTimes(2);
  expect(onAway).toHaveBeenCalledWith(away, expect.any(Number));
});

test('stops waiting when the service stops', async () => {
  const stopping = AbortSignal.abort(new Error('stopping'));
  const prepare = () => Promise.reject(away);
  const onAway = vi.fn();
  await expect(untilPrepared(prepare, { signal: stopping, onAway })).rejects.toThrow('aborted');
  expect(onAway).toHaveBeenCalledOnce();
});

test('does not try again what no retry can help', async () => {
  const error = new MigrationError('"0001-users.sql" was edited');
  const prepare = vi.fn(() => Promise.reject(error));
  const onAway = vi.fn();
  await expect(untilPrepared(prepare, { signal, onAway })).rejects.toBe(error);
  expect(prepare).toHaveBeenCalledOnce();
  expect(onAway).not.toHaveBeenCalled();
});

test.each([
  [0, 0, 50],
  [0, 1, 100],
  [1, 1, 200],
  [4, 1, 1_600],
  [5, 1, 3_000],
  [5, 0, 1_500],
  [2_000, 1, 3_000],
])('after %i failures the pause is, with chance %f, %i ms', (failures, random, pauseMs) => {
  expect(pauseAfter(failures, random)).toBe(pauseMs);
});

test('the longest pause can be another one', () => {
  expect(pauseAfter(2_000, 1, 30_000)).toBe(30_000);
});
