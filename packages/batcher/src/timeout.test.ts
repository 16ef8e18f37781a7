import { expect, test } from 'vitest';
import { createBatcher } from './index.ts';
import { manualClock, scriptedBackend } from './testing/index.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

function setUp() {
  const clock = manualClock();
  const backend = scriptedBackend<number>();
  const { process } = backend;
  const batcher = createBatcher({
    name: 'stock',
    process,
    concurrency: 1,
    timeoutMs: 1_000,
    clock,
  });
  return { clock, backend, batcher };
}

test('a batch that never settles ends at timeoutMs: its callers know, its signal aborts, its slot is free', async () => {
  const { clock, backend, batcher } = setUp();
  const answers = Promise.allSettled([batcher.add(1), batcher.add(2)]);
  const call = await backend.nextCall();
  const next = batcher.add(3);
  clock.advance(999);
  await nextTurn();
  expect(call.signal.aborted).toBe(false);
  clock.advance(1);
  const expected = {
    name: 'BatchTimeoutError',
    code: 'ERR_BATCHER_TIMEOUT',
    message: 'batcher "stock": a batch of 2 took longer than 1000 ms',
    timeoutMs: 1_000,
    size: 2,
  };
  expect(await answers).toMatchObject([{ reason: expected }, { reason: expected }]);
  expect(call.signal.reason).toMatchObject(expected);
  (await backend.nextCall()).resolve([3]);
  expect(await next).toBe(3);
  expect(batcher.stats()).toMatchObject({ timedOut: 1, failedBatches: 1 });
  expect(clock.timers).toBe(0);
});

test.each([
  ['results', (call: { resolve(results: number[]): void }) => call.resolve([1])],
  ['an error', (call: { reject(error: unknown): void }) => call.reject(new Error('late'))],
])('what comes after that, %s, is dropped', async (_, answer) => {
  const { clock, backend, batcher } = setUp();
  const outcome = Promise.allSettled([batcher.add(1)]);
  const call = await backend.nextCall();
  clock.advance(1_000);
  expect(await outcome).toMatchObject([{ reason: { name: 'BatchTimeoutError' } }]);
  answer(call);
  await nextTurn();
  expect(batcher.stats()).toMatchObject({ inFlight: 0, failedBatches: 1 });
});

test('an answer that is there after a blocked event loop counts, though its timer is due first', async () => {
  const { clock, backend, batcher } = setUp();
  const answer = batcher.add(1);
  const call = await backend.nextCall();
  await nextTurn();
  clock.block(5_000);
  call.resolve([1]);
  expect(await answer).toBe(1);
  await nextTurn();
  expect(batcher.stats().timedOut).toBe(0);
  expect(call.signal.aborted).toBe(false);
});

test('with timeoutMs Infinity there is no timer', async () => {
  const clock = manualClock();
  const backend = scriptedBackend<number>();
  const options = { timeoutMs: Number.POSITIVE_INFINITY, clock };
  const batcher = createBatcher({ process: backend.process, ...options });
  const answer = batcher.add(1);
  const call = await backend.nextCall();
  await nextTurn();
  expect(clock.timers).toBe(0);
  call.resolve([1]);
  expect(await answer).toBe(1);
});
