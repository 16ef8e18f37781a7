import { describe, expect, test } from 'vitest';
import { type Batcher, createBatcher } from './index.ts';
import { manualClock, scriptedBackend } from './testing/index.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('a batch leaves', () => {
  test('at the end of the tick, with all that was added in it', async () => {
    const backend = scriptedBackend<number>((items) => items);
    const batcher = createBatcher({ process: backend.process });
    const first = batcher.add(1);
    const second = Promise.resolve().then(() => batcher.add(2));
    expect(backend.sent).toEqual([]);
    expect(await Promise.all([first, second])).toEqual([1, 2]);
    expect(backend.sent).toEqual([[1, 2]]);
  });

  test('after the promise jobs of the turn in which it began', async () => {
    const backend = scriptedBackend<number>((items) => items);
    const batcher = createBatcher({ process: backend.process });
    await new Promise<void>((resolve) => {
      setImmediate(() => {
        void batcher.add(1);
        Promise.resolve()
          .then(() => batcher.add(2))
          .then(() => resolve());
      });
    });
    expect(backend.sent).toEqual([[1, 2]]);
  });

  test('when it is full, before its wait is over; the item beyond begins the next one', async () => {
    const clock = manualClock();
    const backend = scriptedBackend<number>();
    const batcher = createBatcher({ process: backend.process, maxSize: 2, maxWaitMs: 10, clock });
    for (const item of [1, 2, 3]) void batcher.add(item);
    await nextTurn();
    expect(backend.sent).toEqual([[1, 2]]);
    clock.advance(10);
    await nextTurn();
    expect(backend.sent).toEqual([[1, 2], [3]]);
  });

  test('full batches of one tick leave together, one for each slot', async () => {
    const backend = scriptedBackend<number>();
    const batcher = createBatcher({ process: backend.process, maxSize: 2, concurrency: 2 });
    for (const item of [1, 2, 3, 4, 5]) void batcher.add(item);
    await nextTurn();
    expect(backend.sent).toEqual([
      [1, 2],
      [3, 4],
    ]);
    backend.calls[1]?.resolve([3, 4]);
    await nextTurn();
    expect(backend.sent[2]).toEqual([5]);
  });

  test('when its bytes are full, or the next item would be too much', async () => {
    const clock = manualClock();
    const backend = scriptedBackend<string>();
    const sizeOf = (text: string) => text.length;
    const bytes = { maxBytes: 5, sizeOf };
    const batcher = createBatcher({ process: backend.process, ...bytes, maxWaitMs: 10, clock });
    for (const item of ['abc', 'de', 'fgh', 'ijk', '']) void batcher.add(item);
    await nextTurn();
    expect(backend.sent).toEqual([['abc', 'de'], ['fgh']]);
    clock.advance(10);
    await nextTurn();
    expect(backend.sent[2]).toEqual(['ijk', '']);
  });

  test('when its bytes are just full, though no further item comes', async () => {
    const backend = scriptedBackend<string>();
    const bytes = { maxBytes: 5, sizeOf: (text: string) => text.length };
    const clock = manualClock();
    const batcher = createBatcher({ process: backend.process, ...bytes, maxWaitMs: 10, clock });
    for (const item of ['abc', 'de']) void batcher.add(item);
    await nextTurn();
    expect(backend.sent).toEqual([['abc', 'de']]);
  });

  test('when its first item has waited maxWaitMs, however slowly others trickle in', async () => {
    const clock = manualClock();
    const backend = scriptedBackend<number>();
    const batcher = createBatcher({ process: backend.process, maxWaitMs: 50, clock });
    for (const item of [0, 20, 40, 60]) {
      void batcher.add(item);
      clock.advance(20);
      await nextTurn();
    }
    expect(backend.sent).toEqual([[0, 20, 40]]);
    clock.advance(30);
    await nextTurn();
    expect(backend.sent).toEqual([[0, 20, 40], [60]]);
  });

  test('as soon as a slot is free, and grows until then', async () => {
    const backend = scriptedBackend<number>();
    const batcher = createBatcher({ process: backend.process, maxSize: 3, concurrency: 1 });
    for (const item of [1, 2, 3, 4, 5]) {
      void batcher.add(item);
      await nextTurn();
    }
    expect(backend.sent).toEqual([[1]]);
    expect(batcher.stats()).toMatchObject({ queued: 4, inFlight: 1 });
    backend.calls[0]?.resolve([1]);
    await nextTurn();
    expect(backend.sent).toEqual([[1], [2, 3, 4]]);
    backend.calls[1]?.resolve([2, 3, 4]);
    await nextTurn();
    expect(backend.sent[2]).toEqual([5]);
  });

  test('with no slot free after maxWaitMs, as soon as there is one', async () => {
    const clock = manualClock();
    const backend = scriptedBackend<number>();
    const batcher = createBatcher({
      process: backend.process,
      maxSize: 2,
      maxWaitMs: 10,
      concurrency: 1,
      clock,
    });
    for (const item of [1, 2, 3]) void batcher.add(item);
    await nextTurn();
    clock.advance(10);
    backend.calls[0]?.resolve([1, 2]);
    await nextTurn();
    expect(backend.sent).toEqual([[1, 2], [3]]);
  });

  test('after what its callers add in answer to the batch before', async () => {
    const backend = scriptedBackend<number>((items) => items);
    const batcher = createBatcher({ process: backend.process, concurrency: 1 });
    await Promise.all([1, 2, 3].map(async (item) => batcher.add(10 * (await batcher.add(item)))));
    expect(backend.sent).toEqual([
      [1, 2, 3],
      [10, 20, 30],
    ]);
  });
});

test('process never runs inside of add, not even for a full batch', async () => {
  const backend = scriptedBackend<number>((items) => items);
  const batcher = createBatcher({ process: backend.process, maxSize: 1 });
  const answer = batcher.add(1);
  expect(backend.sent).toEqual([]);
  expect(await answer).toBe(1);
});

test('process may add items to its own batcher, and wait for them', async () => {
  const batcher: Batcher<number, number> = createBatcher<number, number>({
    process: (items) => Promise.all(items.map((n) => (n > 2 ? n : batcher.add(n + 1)))),
  });
  expect(await batcher.add(1)).toBe(3);
});

test('what is added while process begins goes into the next batch', async () => {
  const sent: (readonly number[])[] = [];
  let added: Promise<number> | undefined;
  const batcher = createBatcher<number, number>({
    process: (items) => {
      sent.push(items);
      added ??= batcher.add(2);
      return items;
    },
  });
  expect(await batcher.add(1)).toBe(1);
  expect(await added).toBe(2);
  expect(sent).toEqual([[1], [2]]);
});

test('an idle batcher has no timer', async () => {
  const clock = manualClock();
  const controller = new AbortController();
  const batcher = createBatcher<number, number>({ process: (x) => x, maxWaitMs: 10, clock });
  expect(clock.timers).toBe(0);
  const answer = batcher.add(1);
  expect(clock.timers).toBe(1);
  clock.advance(10);
  await answer;
  expect(clock.timers).toBe(0);
  const taken = batcher.add(2, { signal: controller.signal });
  controller.abort('gone');
  await expect(taken).rejects.toBe('gone');
  expect(clock.timers).toBe(0);
});

test('a late timer loses nothing: after a blocked event loop the batch leaves whole', async () => {
  const clock = manualClock();
  const backend = scriptedBackend<number>((items) => items);
  const batcher = createBatcher({ process: backend.process, maxWaitMs: 10, clock });
  const answers = [batcher.add(1), batcher.add(2)];
  clock.block(5_000);
  expect(await Promise.all(answers)).toEqual([1, 2]);
  expect(backend.sent).toEqual([[1, 2]]);
});

test('add never throws: what goes wrong in it rejects', async () => {
  const fail = (): never => {
    throw new Error('cannot tell');
  };
  const process = (items: readonly string[]) => items;
  for (const option of ['sizeOf', 'groupBy', 'dedupeKey']) {
    const batcher = createBatcher({ process, [option]: fail });
    await expect(batcher.add('x')).rejects.toThrow('cannot tell');
    expect(batcher.stats().added).toBe(0);
  }
  const strange = createBatcher({ process, sizeOf: () => Number.NaN });
  await expect(strange.add('x')).rejects.toThrow('sizeOf must give a number of bytes, got NaN');
});

test('an item larger than maxBytes is refused', async () => {
  const batcher = createBatcher<string, string>({
    name: 'logs',
    process: (items) => items,
    maxBytes: 3,
    sizeOf: (text) => text.length,
  });
  await expect(batcher.add('abcd')).rejects.toMatchObject({
    name: 'ItemTooLargeError',
    code: 'ERR_BATCHER_ITEM_TOO_LARGE',
    message: 'batcher "logs": an item of 4 bytes does not fit into maxBytes 3',
    bytes: 4,
    maxBytes: 3,
  });
  expect(await batcher.add('abc')).toBe('abc');
});

test('stats tell how deep the queue is, how large batches were and how long they waited', async () => {
  const clock = manualClock();
  const backend = scriptedBackend<number>();
  const batcher = createBatcher({
    process: backend.process,
    maxSize: 2,
    maxWaitMs: 10,
    concurrency: 1,
    clock,
  });
  const answers = [1, 2, 3].map((item) => batcher.add(item));
  await nextTurn();
  expect(batcher.stats()).toMatchObject({
    added: 3,
    queued: 1,
    inFlight: 1,
    batches: 1,
    waitMs: 0,
  });
  clock.advance(25);
  backend.calls[0]?.resolve([1, 2]);
  await nextTurn();
  backend.calls[1]?.resolve([3]);
  await Promise.all(answers);
  await nextTurn();
  expect(batcher.stats()).toEqual({
    queued: 0,
    waitingForRoom: 0,
    inFlight: 0,
    added: 3,
    joined: 0,
    refused: 0,
    cancelled: 0,
    batches: 2,
    items: 3,
    largestBatch: 2,
    waitMs: 25,
    failedBatches: 0,
    timedOut: 0,
    extraCalls: 0,
  });
});
