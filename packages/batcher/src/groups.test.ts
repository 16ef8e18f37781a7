import { describe, expect, test } from 'vitest';
import type { Batch } from './batch.ts';
import { systemClock } from './clock.ts';
import { createBatcher } from './index.ts';
import { scriptedBackend } from './testing/index.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
const groupBy = (item: string) => item[0];
const many = (count: number, name: string) =>
  Array.from({ length: count }, (_, i) => `${name}${i}`);

test('a batch holds items of one group only', async () => {
  const backend = scriptedBackend<string>((items) => items);
  const batcher = createBatcher({ process: backend.process, groupBy });
  const items = ['a1', 'b1', 'a2', 'c1', 'b2'];
  expect(await Promise.all(items.map((item) => batcher.add(item)))).toEqual(items);
  expect(backend.sent).toEqual([['a1', 'a2'], ['b1', 'b2'], ['c1']]);
});

test('groups are served in turn: one call of a small group waits for one batch of the flood', async () => {
  const backend = scriptedBackend<string>();
  const batcher = createBatcher({ process: backend.process, groupBy, maxSize: 10, concurrency: 1 });
  for (const item of many(100, 'a')) void batcher.add(item);
  await nextTurn();
  void batcher.add('b0');
  void batcher.add('c0');
  for (let i = 0; i < 4; i += 1) {
    const call = backend.calls[i];
    call?.resolve([...call.items]);
    await nextTurn();
  }
  const groups = backend.sent.map((items) => items[0]?.[0]);
  expect(groups).toEqual(['a', 'b', 'c', 'a', 'a']);
});

test('a group whose batches hang never takes the last slot', async () => {
  const backend = scriptedBackend<string>();
  const batcher = createBatcher({ process: backend.process, groupBy, maxSize: 1, concurrency: 3 });
  for (const item of many(5, 'a')) void batcher.add(item);
  await nextTurn();
  expect(backend.sent).toEqual([['a0'], ['a1']]);
  const answer = batcher.add('b0');
  await nextTurn();
  const call = backend.calls[2];
  expect(call?.items).toEqual(['b0']);
  call?.resolve(['done']);
  expect(await answer).toBe('done');
  await nextTurn();
  expect(backend.sent).toHaveLength(3);
  backend.calls[0]?.resolve(['a0']);
  await nextTurn();
  expect(backend.sent[3]).toEqual(['a2']);
});

test('with a single slot, a group may take it', async () => {
  const backend = scriptedBackend<string>((items) => items);
  const batcher = createBatcher({ process: backend.process, groupBy, concurrency: 1 });
  expect(await Promise.all([batcher.add('a1'), batcher.add('b1')])).toEqual(['a1', 'b1']);
});

describe('when the queue is full', () => {
  async function flooded(options: object = {}) {
    const backend = scriptedBackend<string>();
    const batcher = createBatcher({
      ...options,
      process: backend.process,
      groupBy,
      maxSize: 2,
      concurrency: 1,
      queue: { max: 6 },
    });
    void batcher.add('a-');
    await nextTurn();
    const flood = many(6, 'a').map((item) => batcher.add(item));
    const outcomes = Promise.allSettled(flood);
    return { backend, batcher, outcomes };
  }

  test('a group with less than its share takes the place of the newest item of the largest one', async () => {
    const { backend, batcher, outcomes } = await flooded();
    const others = ['b0', 'b1', 'b2'].map((item) => batcher.add(item));
    expect(batcher.stats()).toMatchObject({ queued: 6, refused: 3 });
    for (let i = 0; i < 6; i += 1) {
      const call = backend.calls.at(-1);
      call?.resolve([...call.items]);
      await nextTurn();
    }
    expect(await Promise.all(others)).toEqual(['b0', 'b1', 'b2']);
    expect((await outcomes).map(({ status }) => status)).toEqual([
      ...['fulfilled', 'fulfilled', 'fulfilled'],
      ...['rejected', 'rejected', 'rejected'],
    ]);
    expect((await outcomes)[5]).toMatchObject({ reason: { name: 'QueueFullError' } });
  });

  test('an item whose key cannot be made leaves no group behind that would have a share', async () => {
    const dedupeKey = (item: string) => {
      if (item === item.toUpperCase()) throw new Error('no key');
      return item;
    };
    const { batcher } = await flooded({ dedupeKey });
    for (const item of ['X', 'Y', 'Z']) await expect(batcher.add(item)).rejects.toThrow('no key');
    const share = ['b0', 'b1', 'b2'].map((item) => batcher.add(item));
    expect(await Promise.race([...share, nextTurn().then(() => 'they wait')])).toBe('they wait');
  });

  test('a group with its share, or more, is refused', async () => {
    const { batcher } = await flooded();
    await expect(batcher.add('a6')).rejects.toMatchObject({ name: 'QueueFullError' });
    for (const item of ['b0', 'b1', 'b2']) void batcher.add(item);
    await expect(batcher.add('b3')).rejects.toMatchObject({ name: 'QueueFullError' });
    expect(batcher.stats()).toMatchObject({ queued: 6, refused: 5 });
  });
});

test('groups that came and went are forgotten', async () => {
  const { Dispatcher } = await import('./dispatcher.ts');
  const send = (batch: Batch<string, string>) => setImmediate(() => dispatcher.arrived(batch));
  const dispatcher = new Dispatcher<string, string>({
    name: 'test',
    maxSize: 10,
    maxBytes: 10,
    concurrency: 1,
    maxWaiting: 10,
    isGrouped: true,
    clock: systemClock,
    leaveWhenFull: true,
    wait: undefined,
    send,
  });
  const answer = { calls: 1, resolve: () => undefined, reject: () => undefined };
  const lane = dispatcher.lane('a');
  dispatcher.board(lane, 'x', answer);
  expect(dispatcher.lane('a')).toBe(lane);
  await dispatcher.ripenAll()[0]?.done();
  expect(dispatcher.lane('a')).not.toBe(lane);
});
