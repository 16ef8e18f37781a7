import { expect, test } from 'vitest';
import { createBatcher } from './index.ts';
import { scriptedBackend } from './testing/index.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

interface Query {
  readonly id: string;
}

function setUp(options: object = {}) {
  const backend = scriptedBackend<Query, string>();
  const batcher = createBatcher({
    process: backend.process,
    dedupeKey: ({ id }: Query) => id,
    ...options,
  });
  return {
    backend,
    batcher,
    add: (id: string, signal?: AbortSignal) => batcher.add({ id }, { signal }),
  };
}

test('one item is sent for equal keys, and every caller is answered', async () => {
  const { backend, batcher, add } = setUp();
  const answers = [add('x'), add('y'), add('x'), add('x')];
  const call = await backend.nextCall();
  expect(call.items).toEqual([{ id: 'x' }, { id: 'y' }]);
  call.resolve(['X', 'Y']);
  expect(await Promise.all(answers)).toEqual(['X', 'Y', 'X', 'X']);
  expect(batcher.stats()).toMatchObject({ added: 4, joined: 2, items: 2, queued: 0 });
});

test('every caller gets the error', async () => {
  const { backend, add } = setUp();
  const answers = Promise.allSettled([add('x'), add('x')]);
  (await backend.nextCall()).reject('no');
  expect(await answers).toMatchObject([{ reason: 'no' }, { reason: 'no' }]);
});

test('a key can be joined in any batch that has not left, and not once it has', async () => {
  const { backend, batcher, add } = setUp({ maxSize: 1, concurrency: 1 });
  const first = add('x');
  await nextTurn();
  const answers = [add('x'), add('y'), add('x')];
  expect(batcher.stats()).toMatchObject({ queued: 3, joined: 1 });
  for (const result of ['old', 'new', 'Y']) {
    backend.calls.at(-1)?.resolve([result]);
    await nextTurn();
  }
  expect(await first).toBe('old');
  expect(await Promise.all(answers)).toEqual(['new', 'Y', 'new']);
  expect(backend.sent).toEqual([[{ id: 'x' }], [{ id: 'x' }], [{ id: 'y' }]]);
});

test('a caller who aborts does not take the result from the others', async () => {
  const controller = new AbortController();
  const { backend, add } = setUp();
  const taken = add('x', controller.signal);
  const kept = add('x');
  controller.abort('gone');
  await expect(taken).rejects.toBe('gone');
  const call = await backend.nextCall();
  const late = new AbortController();
  expect(call.items).toEqual([{ id: 'x' }]);
  call.resolve(['X']);
  expect(await kept).toBe('X');
  late.abort();
});

test('when all callers of an item are gone, the item leaves, and its key begins anew', async () => {
  const controller = new AbortController();
  const { backend, batcher, add } = setUp();
  const taken = Promise.allSettled([add('x', controller.signal), add('x', controller.signal)]);
  const other = add('y');
  controller.abort('gone');
  expect(await taken).toMatchObject([{ reason: 'gone' }, { reason: 'gone' }]);
  const again = add('x');
  const call = await backend.nextCall();
  expect(call.items).toEqual([{ id: 'y' }, { id: 'x' }]);
  call.resolve(['Y', 'X']);
  expect(await Promise.all([other, again])).toEqual(['Y', 'X']);
  expect(batcher.stats()).toMatchObject({ cancelled: 2, queued: 0 });
});

test('the failure of an item leaves a later one with its key as it is', async () => {
  const { backend, batcher, add } = setUp({ concurrency: 1 });
  const failed = expect(add('x')).rejects.toBe('no');
  const call = await backend.nextCall();
  const later = add('x');
  call.reject('no');
  await failed;
  const joining = add('x');
  (await backend.nextCall()).resolve(['X']);
  expect(await Promise.all([later, joining])).toEqual(['X', 'X']);
  expect(batcher.stats().items).toBe(2);
});

test('in flight, the signal aborts when the last of all callers is gone', async () => {
  const controllers = [new AbortController(), new AbortController(), new AbortController()];
  const { backend, add } = setUp();
  const ids = ['x', 'x', 'y'];
  const answers = controllers.map(({ signal }, i) => add(ids[i] ?? '', signal));
  const outcomes = Promise.allSettled(answers);
  const { signal } = await backend.nextCall();
  controllers[0]?.abort();
  controllers[2]?.abort();
  expect(signal.aborted).toBe(false);
  controllers[1]?.abort('last');
  expect(signal.reason).toBe('last');
  expect(await outcomes).toHaveLength(3);
});

test('callers who join count for the queue', async () => {
  const { add } = setUp({ queue: { max: 2 } });
  void add('x');
  void add('x');
  await expect(add('x')).rejects.toMatchObject({ code: 'ERR_BATCHER_QUEUE_FULL' });
});

test('equal keys of different groups stay apart', async () => {
  const backend = scriptedBackend<string>((items) => items);
  const batcher = createBatcher({
    process: backend.process,
    groupBy: (item) => item[0],
    dedupeKey: (item) => item.slice(1),
  });
  const items = ['a1', 'b1', 'a1'];
  expect(await Promise.all(items.map((item) => batcher.add(item)))).toEqual(items);
  expect(backend.sent).toEqual([['a1'], ['b1']]);
});

test('an item that gave its place to another group refuses all its callers, and can be added again', async () => {
  const { add, backend, batcher } = setUp({
    groupBy: ({ id }: Query) => id[0],
    queue: { max: 3 },
  });
  const outcomes = Promise.allSettled(['a1', 'a2', 'a2', 'b1'].map((id) => add(id)));
  const [a, b] = [await backend.nextCall(), await backend.nextCall()];
  expect(batcher.stats()).toMatchObject({ refused: 2, inFlight: 2 });
  const again = add('a2');
  (await backend.nextCall()).resolve(['A2']);
  expect(await again).toBe('A2');
  a.resolve(['A']);
  b.resolve(['B']);
  const refused = { reason: { max: 3 } };
  expect(await outcomes).toMatchObject([{ value: 'A' }, refused, refused, { value: 'B' }]);
});
