import { describe, expect, test } from 'vitest';
import { createBatcher } from './index.ts';
import { manualClock, scriptedBackend } from './testing/index.ts';

const poisoned = (bad: readonly number[]) => (items: readonly number[]) => {
  const found = items.filter((item) => bad.includes(item));
  if (found.length > 0) throw new Error(`poison in ${items.join()}`);
  return items;
};

function setUp(bad: readonly number[], maxExtraCalls = 50, options: object = {}) {
  const backend = scriptedBackend<number>(poisoned(bad));
  const onBatchError = { bisect: { maxExtraCalls } };
  const batcher = createBatcher({ process: backend.process, onBatchError, ...options });
  return { backend, batcher };
}

const range = (length: number) => Array.from({ length }, (_, i) => i);

describe('a failed batch', () => {
  test('is not sent again unless that was asked for', async () => {
    const backend = scriptedBackend<number>(poisoned([1]));
    const batcher = createBatcher({ process: backend.process });
    const outcomes = await Promise.allSettled(range(4).map((item) => batcher.add(item)));
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    expect(backend.calls).toHaveLength(1);
  });

  test('is taken apart until the item at fault is alone with its error', async () => {
    const { backend, batcher } = setUp([5]);
    const outcomes = await Promise.allSettled(range(8).map((item) => batcher.add(item)));
    const expected: object[] = range(8).map((value) => ({ status: 'fulfilled', value }));
    expected[5] = { status: 'rejected', reason: new Error('poison in 5') };
    expect(outcomes).toEqual(expected);
    expect(backend.sent).toEqual([
      [0, 1, 2, 3, 4, 5, 6, 7],
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [4, 5],
      [6, 7],
      [4],
      [5],
    ]);
    expect(batcher.stats()).toMatchObject({ batches: 1, failedBatches: 1, extraCalls: 6 });
  });

  test('costs no more calls than the cap; what is left gets the error of its part', async () => {
    const { backend, batcher } = setUp([5], 3);
    const outcomes = await Promise.allSettled(range(8).map((item) => batcher.add(item)));
    expect(backend.calls).toHaveLength(4);
    const reasons = outcomes.map((one) => one.status === 'rejected' && one.reason.message);
    const lost = 'poison in 4,5,6,7';
    expect(reasons.slice(0, 4)).toEqual([false, false, false, false]);
    expect(reasons.slice(6)).toEqual([lost, lost]);
    expect(reasons.slice(4, 6)).toEqual(['poison in 4,5', 'poison in 4,5']);
  });

  test('of one item is not sent again', async () => {
    const { backend, batcher } = setUp([1]);
    await expect(batcher.add(1)).rejects.toThrow('poison in 1');
    expect(backend.calls).toHaveLength(1);
  });

  test('keeps its slot until all of it is answered', async () => {
    const { backend, batcher } = setUp([0], 50, { maxSize: 2, concurrency: 1 });
    await Promise.allSettled(range(3).map((item) => batcher.add(item)));
    expect(backend.sent).toEqual([[0, 1], [0], [1], [2]]);
  });
});

test('an error that is thrown again and again as the same object still isolates the item', async () => {
  const error = new Error('always this one');
  const batcher = createBatcher<number, number>({
    onBatchError: { bisect: { maxExtraCalls: 10 } },
    process(items) {
      if (items.includes(2)) throw error;
      return items;
    },
  });
  const outcomes = await Promise.allSettled(range(4).map((item) => batcher.add(item)));
  expect(outcomes.map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'fulfilled',
  ]);
});

test('a wrong form of results is not sent again: it would be as wrong in parts', async () => {
  const backend = scriptedBackend<number>(() => []);
  const batcher = createBatcher({
    process: backend.process,
    onBatchError: { bisect: { maxExtraCalls: 10 } },
  });
  const outcomes = await Promise.allSettled(range(4).map((item) => batcher.add(item)));
  expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
  expect(backend.calls).toHaveLength(1);
});

test('a backend that hangs is not asked again', async () => {
  const clock = manualClock();
  const backend = scriptedBackend<number>();
  const batcher = createBatcher({
    process: backend.process,
    onBatchError: { bisect: { maxExtraCalls: 10 } },
    clock,
  });
  const outcomes = Promise.allSettled(range(4).map((item) => batcher.add(item)));
  (await backend.nextCall()).reject(new Error('poison'));
  await backend.nextCall();
  clock.advance(30_000);
  expect(await outcomes).toMatchObject([
    { reason: { name: 'BatchTimeoutError', size: 2 } },
    { reason: { name: 'BatchTimeoutError' } },
    { reason: { message: 'poison' } },
    { reason: { message: 'poison' } },
  ]);
  expect(backend.calls).toHaveLength(2);
});

test('items whose caller has gone are not sent again, and when all are gone the signal aborts', async () => {
  const controllers = range(4).map(() => new AbortController());
  const backend = scriptedBackend<number>();
  const batcher = createBatcher({
    process: backend.process,
    onBatchError: { bisect: { maxExtraCalls: 10 } },
  });
  const outcomes = Promise.allSettled(
    controllers.map(({ signal }, item) => batcher.add(item, { signal })),
  );
  const whole = await backend.nextCall();
  controllers[0]?.abort('gone');
  whole.reject(new Error('poison'));
  const left = await backend.nextCall();
  expect(left.items).toEqual([1]);
  left.resolve([1]);
  const right = await backend.nextCall();
  expect(right.items).toEqual([2, 3]);
  controllers[2]?.abort('gone');
  expect(right.signal.aborted).toBe(false);
  controllers[3]?.abort('gone');
  expect(right.signal.aborted).toBe(true);
  right.reject(new Error('aborted'));
  expect(await outcomes).toMatchObject([
    { reason: 'gone' },
    { value: 1 },
    { reason: 'gone' },
    { reason: 'gone' },
  ]);
  expect(backend.calls).toHaveLength(3);
});
