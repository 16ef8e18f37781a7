import { describe, expect, test } from 'vitest';
import { createBatcher } from './index.ts';
import { manualClock, scriptedBackend } from './testing/index.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

function setUp(options: object = {}) {
  const clock = manualClock();
  const backend = scriptedBackend<number>();
  const base = { name: 'stock', process: backend.process, maxSize: 2, concurrency: 1, clock };
  const batcher = createBatcher<number, number>({ ...base, ...options });
  const answer = async (call: number) => {
    backend.calls[call]?.resolve([...backend.calls[call].items]);
    await nextTurn();
  };
  return { clock, backend, batcher, answer };
}

/** Whether a promise is settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (
    (await Promise.race([promise.catch(() => undefined), nextTurn().then(() => pending)])) !==
    pending
  );
}

describe('flush', () => {
  test('lets batches leave without company, and resolves when what was added before has its answer', async () => {
    const { backend, batcher, answer } = setUp({ maxWaitMs: 1_000 });
    const answers = [1, 2, 3].map((item) => batcher.add(item));
    const flushed = batcher.flush();
    await nextTurn();
    await answer(0);
    expect(await isSettled(flushed)).toBe(false);
    const later = batcher.add(4);
    await nextTurn();
    expect(backend.sent).toEqual([[1, 2], [3]]);
    await answer(1);
    await flushed;
    expect(await Promise.all(answers)).toEqual([1, 2, 3]);
    expect(await isSettled(later)).toBe(false);
  });

  test('resolves at once when there is nothing, and also when batches fail', async () => {
    const { backend, batcher } = setUp();
    await batcher.flush();
    const failed = expect(batcher.add(1)).rejects.toBe('no');
    const flushed = batcher.flush();
    (await backend.nextCall()).reject('no');
    await flushed;
    await failed;
  });

  test('does not wait for items that all callers took back', async () => {
    const { backend, batcher } = setUp({ maxWaitMs: 1_000 });
    const controller = new AbortController();
    const { signal } = controller;
    const answers = Promise.allSettled([1, 2, 3].map((item) => batcher.add(item, { signal })));
    const flushed = batcher.flush();
    await backend.nextCall();
    controller.abort();
    await flushed;
    await batcher.flush();
    await answers;
    expect(backend.sent).toEqual([[1, 2]]);
  });
});

describe('close', () => {
  test('takes no more calls, sends what waits, and resolves when each call has its answer', async () => {
    const { clock, backend, batcher, answer } = setUp({ maxWaitMs: 1_000 });
    const answers = [1, 2, 3].map((item) => batcher.add(item));
    await nextTurn();
    const closed = batcher.close();
    await expect(batcher.add(4)).rejects.toMatchObject({
      name: 'BatcherClosedError',
      code: 'ERR_BATCHER_CLOSED',
      message: 'batcher "stock" was closed before this was sent',
      sent: false,
    });
    await answer(0);
    expect(await isSettled(closed)).toBe(false);
    await answer(1);
    await closed;
    expect(await Promise.all(answers)).toEqual([1, 2, 3]);
    expect(backend.sent).toEqual([[1, 2], [3]]);
    expect(clock.timers).toBe(0);
  });

  test('rejects the rest when a batch never settles, and tells what was sent from what was not', async () => {
    const { clock, backend, batcher } = setUp({ maxWaitMs: 1_000 });
    const outcomes = Promise.allSettled([1, 2, 3].map((item) => batcher.add(item)));
    const call = await backend.nextCall();
    const closed = batcher.close({ timeoutMs: 500 });
    await nextTurn();
    clock.advance(499);
    expect(await isSettled(closed)).toBe(false);
    clock.advance(1);
    await closed;
    expect(await outcomes).toMatchObject([
      { reason: { name: 'BatcherClosedError', sent: true } },
      { reason: { name: 'BatcherClosedError', sent: true } },
      { reason: { name: 'BatcherClosedError', sent: false } },
    ]);
    expect(call.signal.reason).toMatchObject({ name: 'BatcherClosedError' });
    expect(batcher.stats()).toMatchObject({ queued: 0 });
    call.resolve([1, 2]);
    await nextTurn();
    expect(backend.sent).toEqual([[1, 2]]);
    expect(batcher.stats()).toMatchObject({ inFlight: 0 });
  });

  test('waits five seconds unless told otherwise, and for ever when told so', async () => {
    const hurried = setUp({ timeoutMs: Number.POSITIVE_INFINITY });
    const lost = hurried.batcher.add(1);
    await hurried.backend.nextCall();
    const closed = hurried.batcher.close();
    hurried.clock.advance(5_000);
    await expect(lost).rejects.toMatchObject({ name: 'BatcherClosedError' });
    await closed;

    const patient = setUp({ timeoutMs: Number.POSITIVE_INFINITY });
    const kept = patient.batcher.add(1);
    await patient.backend.nextCall();
    const drained = patient.batcher.close({ timeoutMs: Number.POSITIVE_INFINITY });
    expect(patient.clock.timers).toBe(0);
    await patient.answer(0);
    await drained;
    expect(await kept).toBe(1);
  });

  test('can be called twice, and by await using', async () => {
    const { batcher } = setUp();
    await Promise.all([batcher.close(), batcher.close()]);
    await batcher[Symbol.asyncDispose]();
    await expect(batcher.add(1)).rejects.toMatchObject({ code: 'ERR_BATCHER_CLOSED' });
  });

  test('called again, may end sooner, but not later', async () => {
    const { clock, backend, batcher } = setUp();
    const lost = batcher.add(1).catch((error: Error) => error.name);
    await backend.nextCall();
    const first = batcher.close({ timeoutMs: 500 });
    const sooner = batcher.close({ timeoutMs: 10 });
    const later = batcher.close({ timeoutMs: 1_000 });
    await nextTurn();
    clock.advance(10);
    await Promise.all([first, sooner, later]);
    expect(await lost).toBe('BatcherClosedError');
    expect(clock.timers).toBe(0);
    await batcher.close({ timeoutMs: 0 });
  });

  test('waits no more for a batch that it has given up: no timer, no slot, no span', async () => {
    const { clock, backend, batcher } = setUp({ timeoutMs: 60_000 });
    const lost = batcher.add(1).catch((error: Error) => error.name);
    await backend.nextCall();
    await nextTurn();
    expect(clock.timers).toBe(1);
    const closed = batcher.close({ timeoutMs: 0 });
    clock.advance(0);
    await closed;
    await nextTurn();
    expect(await lost).toBe('BatcherClosedError');
    expect(clock.timers).toBe(0);
    expect(batcher.stats()).toMatchObject({ inFlight: 0, failedBatches: 1, timedOut: 0 });
  });

  test('refuses a bad timeoutMs, and stays open', async () => {
    const { backend, batcher } = setUp();
    await expect(batcher.close({ timeoutMs: -1 })).rejects.toThrow(
      'timeoutMs must be not negative',
    );
    const answer = batcher.add(1);
    (await backend.nextCall()).resolve([1]);
    expect(await answer).toBe(1);
  });

  test('ends a batch that is being taken apart', async () => {
    const { clock, backend, batcher } = setUp({ onBatchError: { bisect: { maxExtraCalls: 9 } } });
    const outcomes = Promise.allSettled([batcher.add(1), batcher.add(2)]);
    (await backend.nextCall()).reject(new Error('poison'));
    const half = await backend.nextCall();
    const closed = batcher.close({ timeoutMs: 1 });
    await nextTurn();
    clock.advance(1);
    await closed;
    half.resolve([1]);
    await nextTurn();
    expect(await outcomes).toMatchObject([{ reason: { sent: true } }, { reason: { sent: true } }]);
    expect(backend.calls).toHaveLength(2);
  });
});
