import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { createBatcher } from './index.ts';
import { manualClock, scriptedBackend } from './testing/index.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

describe('a caller who aborts', () => {
  test('before add gets his reason, and nothing is sent', async () => {
    const backend = scriptedBackend<number>();
    const batcher = createBatcher({ process: backend.process });
    await expect(batcher.add(1, { signal: AbortSignal.abort('too late') })).rejects.toBe(
      'too late',
    );
    await nextTurn();
    expect(backend.sent).toEqual([]);
    expect(batcher.stats()).toMatchObject({ added: 0, queued: 0 });
  });

  test('before the batch leaves takes his item out of it', async () => {
    const controller = new AbortController();
    const backend = scriptedBackend<number>((items) => items);
    const batcher = createBatcher({ process: backend.process });
    const kept = [batcher.add(1), batcher.add(3)];
    const taken = batcher.add(2, { signal: controller.signal });
    const last = batcher.add(4);
    controller.abort('gone');
    await expect(taken).rejects.toBe('gone');
    expect(await Promise.all([...kept, last])).toEqual([1, 3, 4]);
    expect(backend.sent).toEqual([[1, 3, 4]]);
    expect(batcher.stats()).toMatchObject({ cancelled: 1, items: 3, queued: 0 });
  });

  test('makes room for another item, in count and in bytes', async () => {
    const controller = new AbortController();
    const clock = manualClock();
    const backend = scriptedBackend<string>();
    const batcher = createBatcher({
      process: backend.process,
      maxBytes: 5,
      sizeOf: (text) => text.length,
      queue: { max: 2 },
      maxWaitMs: 10,
      clock,
    });
    void batcher.add('ab');
    const taken = batcher.add('cd', { signal: controller.signal });
    await expect(batcher.add('x')).rejects.toMatchObject({ code: 'ERR_BATCHER_QUEUE_FULL' });
    controller.abort('gone');
    await expect(taken).rejects.toBe('gone');
    void batcher.add('ef');
    clock.advance(10);
    await nextTurn();
    expect(backend.sent).toEqual([['ab', 'ef']]);
  });

  test('leaves no empty batch behind', async () => {
    const controller = new AbortController();
    const backend = scriptedBackend<number>();
    const batcher = createBatcher({ process: backend.process, maxSize: 2, concurrency: 1 });
    void batcher.add(0);
    await nextTurn();
    const taken = [1, 2, 3].map((item) => batcher.add(item, { signal: controller.signal }));
    void batcher.add(4);
    controller.abort('gone');
    await expect(Promise.any(taken)).rejects.toThrow(AggregateError);
    expect(batcher.stats().queued).toBe(1);
    backend.calls[0]?.resolve([0]);
    await nextTurn();
    expect(backend.sent).toEqual([[0], [4]]);
  });

  test('while the batch is in flight is rejected alone; the others get their results', async () => {
    const controller = new AbortController();
    const backend = scriptedBackend<number>();
    const batcher = createBatcher({ process: backend.process });
    const taken = batcher.add(1, { signal: controller.signal });
    const kept = batcher.add(2);
    const call = await backend.nextCall();
    controller.abort('gone');
    await expect(taken).rejects.toBe('gone');
    expect(call.signal.aborted).toBe(false);
    call.resolve([1, 2]);
    expect(await kept).toBe(2);
  });

  test('after the result changes nothing', async () => {
    const controller = new AbortController();
    const batcher = createBatcher<number, number>({ process: (items) => items });
    expect(await batcher.add(1, { signal: controller.signal })).toBe(1);
    expect(listeners(controller.signal)).toBe(0);
    controller.abort('gone');
    expect(batcher.stats().cancelled).toBe(0);
  });
});

test('the signal of a batch aborts, with the last reason, when every caller is gone', async () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const backend = scriptedBackend<number>();
  const batcher = createBatcher({ process: backend.process });
  const answers = [first, second].map(({ signal }) => batcher.add(1, { signal }));
  const { signal } = await backend.nextCall();
  first.abort('first');
  expect(signal.aborted).toBe(false);
  second.abort('second');
  expect(signal.reason).toBe('second');
  expect(await Promise.allSettled(answers)).toMatchObject([
    { reason: 'first' },
    { reason: 'second' },
  ]);
});

test('a signal that is asked for after all are gone is aborted already', async () => {
  const controller = new AbortController();
  const proceed = Promise.withResolvers<void>();
  const seen = Promise.withResolvers<AbortSignal>();
  const batcher = createBatcher<number, number>({
    async process(items, context) {
      await proceed.promise;
      seen.resolve(context.signal);
      return items;
    },
  });
  const answer = batcher.add(1, { signal: controller.signal });
  await nextTurn();
  controller.abort('gone');
  await expect(answer).rejects.toBe('gone');
  proceed.resolve();
  expect((await seen.promise).reason).toBe('gone');
});

test('a refused call leaves no listener on its signal', async () => {
  const { signal } = new AbortController();
  const batcher = createBatcher<number, number>({ process: (x) => x, queue: { max: 1 } });
  const accepted = batcher.add(1);
  await expect(batcher.add(2, { signal })).rejects.toMatchObject({ name: 'QueueFullError' });
  expect(listeners(signal)).toBe(0);
  expect(await accepted).toBe(1);
});

test('100,000 calls on one long-lived signal share one listener, and leave none when it aborts', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const backend = scriptedBackend<number>();
  const batcher = createBatcher({ process: backend.process, queue: { max: 100_000 } });
  const answers = Array.from({ length: 100_000 }, (_, item) => batcher.add(item, { signal }));
  await nextTurn();
  expect(listeners(signal)).toBe(1);
  controller.abort('gone');
  const outcomes = await Promise.allSettled(answers);
  expect(outcomes.every((one) => one.status === 'rejected' && one.reason === 'gone')).toBe(true);
  expect(listeners(signal)).toBe(0);
  expect(backend.calls).toHaveLength(4);
  expect(backend.calls.every((call) => call.signal.aborted)).toBe(true);
  expect(batcher.stats()).toMatchObject({ queued: 0, cancelled: 100_000 });
}, 30_000);

test('100,000 calls one after the other leave no listener on a signal that never aborts', async () => {
  const { signal } = new AbortController();
  const batcher = createBatcher<number, number>({ process: (items) => items });
  for (let i = 0; i < 1_000; i += 1) {
    await Promise.all(Array.from({ length: 100 }, (_, item) => batcher.add(item, { signal })));
  }
  expect(listeners(signal)).toBe(0);
});
