import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type BatcherOptions, createBatcher, settled } from './index.ts';
import { manualClock, scriptedBackend } from './testing/index.ts';

interface Item {
  readonly id: string;
}

type Process = BatcherOptions<string, unknown>['process'];

/** What three callers get from a function that gives `results` whatever it is asked. */
async function outcomes(results: unknown, options: object = {}) {
  const process = () => results;
  const batcher = createBatcher<string, unknown>({ process: process as Process, ...options });
  return Promise.allSettled(['a', 'b', 'c'].map((item) => batcher.add(item)));
}

const fulfilled = (value: unknown) => ({ status: 'fulfilled', value });

describe('results reach their callers', () => {
  test.each([
    ['an array, by index', ['A', 'B', 'C']],
    ['a promise of an array', Promise.resolve(['A', 'B', 'C'])],
    ['an array of promises', ['A', 'B', 'C'].map((result) => Promise.resolve(result))],
    ['a Map, by item', new Map(Object.entries({ c: 'C', a: 'A', b: 'B', z: 'Z' }))],
    ['a plain object, by item', { c: 'C', a: 'A', b: 'B' }],
    ['settled results', settled(['A', 'B', 'C'].map((value) => ({ status: 'fulfilled', value })))],
  ])('from %s', async (_, results) => {
    expect(await outcomes(results)).toEqual(['A', 'B', 'C'].map(fulfilled));
  });

  test('from a Map or an object by dedupeKey, where there is one', async () => {
    const dedupeKey = ({ id }: Item) => id;
    for (const results of [
      new Map([['x', 1]]),
      { x: 1 },
      Object.assign(Object.create(null), { x: 1 }),
    ]) {
      const batcher = createBatcher<Item, number>({ process: () => results, dedupeKey });
      expect(await batcher.add({ id: 'x' })).toBe(1);
    }
  });

  test('twice, when an item is twice in a batch', async () => {
    const process = (items: readonly string[]) => new Map(items.map((item) => [item, item.length]));
    const batcher = createBatcher({ process });
    expect(await Promise.all([batcher.add('xy'), batcher.add('xy')])).toEqual([2, 2]);
  });

  test('undefined is a result, in an array, a Map and an object', async () => {
    const nothing = [undefined, undefined, undefined].map(fulfilled);
    expect(await outcomes([undefined, undefined, undefined])).toEqual(nothing);
    const record = { a: undefined, b: undefined, c: undefined };
    expect(await outcomes(record)).toEqual(nothing);
    expect(await outcomes(new Map(Object.entries(record)))).toEqual(nothing);
  });

  test('a result that looks like a settled one is a result', async () => {
    const rows = ['a', 'b', 'c'].map((value) => ({ status: 'fulfilled', value }));
    expect(await outcomes(rows)).toEqual(rows.map(fulfilled));
  });
});

describe('an error reaches exactly the callers concerned', () => {
  test('one item of settled results', async () => {
    const results = settled<string>([
      { status: 'fulfilled', value: 'A' },
      { status: 'rejected', reason: 'no b' },
      { status: 'fulfilled', value: 'C' },
    ]);
    expect(await outcomes(results)).toEqual([
      fulfilled('A'),
      { status: 'rejected', reason: 'no b' },
      fulfilled('C'),
    ]);
  });

  test.each([
    ['Map', new Map(Object.entries({ a: 'A', c: 'C' }))],
    ['plain object', { a: 'A', c: 'C' }],
  ])('an item that is missing in a %s', async (_, results) => {
    const [first, second, third] = await outcomes(results, { name: 'stock' });
    expect([first, third]).toEqual([fulfilled('A'), fulfilled('C')]);
    expect(second).toMatchObject({
      reason: {
        name: 'ResultMissingError',
        code: 'ERR_BATCHER_RESULT_MISSING',
        message: 'batcher "stock": process gave no result for "b"',
        key: 'b',
      },
    });
  });

  test('a name that every object inherits is no result', async () => {
    const batcher = createBatcher<string, unknown>({ process: () => ({}) });
    await expect(batcher.add('toString')).rejects.toMatchObject({ name: 'ResultMissingError' });
  });

  test('an item whose key cannot be made, or made into text', async () => {
    const strange = Object.create(null);
    const process = () => ({ a: 'A' });
    const batcher = createBatcher<unknown, string>({ process });
    const answers = ['a', strange, 'a'].map((item) => batcher.add(item));
    const wrong = { status: 'rejected', reason: expect.any(TypeError) };
    expect(await Promise.allSettled(answers)).toEqual([fulfilled('A'), wrong, fulfilled('A')]);
  });

  class Rows {
    readonly rows = [];
  }

  test.each([
    [['A', 'B'], 'process got 3 items and gave an array of 2'],
    [['A', 'B', 'C', 'D'], 'process got 3 items and gave an array of 4'],
    [settled([{ status: 'fulfilled', value: 1 }]), 'process got 3 items and gave an array of 1'],
    [undefined, 'process must give an array, a Map, a plain object or settled(...), got undefined'],
    [null, 'got null'],
    ['abc', 'got "abc"'],
    [new Set(['a', 'b', 'c']), 'got an instance of Set'],
    [new Rows(), 'got an instance of Rows'],
    [new SettledLike(), 'got an instance of SettledLike'],
    [settled(Object(7)), 'settled() takes an array, got an instance of Number'],
    [settled(Object(['A', 'B', 'C'])), 'settled() takes { status'],
    [settled(Object([undefined, undefined, undefined])), 'settled() takes { status'],
  ])('%o: every caller of the batch', async (results, message) => {
    for (const outcome of await outcomes(results)) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'ERR_BATCHER_RESULT_SHAPE' },
      });
      expect(outcome).toHaveProperty('reason.message', expect.stringContaining(message));
      expect(outcome).toHaveProperty('reason', expect.any(TypeError));
    }
  });

  test('what process throws, at once or later, as it is', async () => {
    const error = new Error('backend is down');
    const throwing = () => {
      throw error;
    };
    for (const process of [throwing, async () => throwing()]) {
      const batcher = createBatcher<number, number>({ process });
      const answers = await Promise.allSettled([batcher.add(1), batcher.add(2)]);
      expect(answers).toEqual([
        { status: 'rejected', reason: error },
        { status: 'rejected', reason: error },
      ]);
      expect(batcher.stats().failedBatches).toBe(1);
    }
  });
});

describe('a result that is a promise may fail unheard', () => {
  const unheard = vi.fn();
  beforeEach(() => {
    unheard.mockClear();
    process.on('unhandledRejection', unheard);
  });
  afterEach(() => void process.off('unhandledRejection', unheard));

  const failing = (items: readonly number[]) =>
    items.map((item) => Promise.reject(new Error(`no ${item}`)));
  const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

  test('when its caller is gone, while the others get theirs', async () => {
    const backend = scriptedBackend<number, Promise<never>>();
    const batcher = createBatcher({ process: backend.process });
    const controller = new AbortController();
    const gone = batcher.add(1, controller).catch(() => 'gone');
    const waits = expect(batcher.add(2)).rejects.toThrow('no 2');
    const call = await backend.nextCall();
    controller.abort();
    call.resolve(failing(call.items));
    await waits;
    await nextTurn();
    expect(await gone).toBe('gone');
    expect(unheard).not.toHaveBeenCalled();
  });

  test('when there is one too many', async () => {
    const batcher = createBatcher({ process: () => failing([1, 2]) });
    await expect(batcher.add(1)).rejects.toMatchObject({ name: 'ResultShapeError' });
    await nextTurn();
    expect(unheard).not.toHaveBeenCalled();
  });

  test('when it comes after the timeout', async () => {
    const clock = manualClock();
    const backend = scriptedBackend<number, Promise<never>>();
    const options = { onBatchError: { bisect: { maxExtraCalls: 2 } }, timeoutMs: 10, clock };
    const batcher = createBatcher({ process: backend.process, ...options });
    const outcomes = Promise.allSettled([batcher.add(1), batcher.add(2)]);
    (await backend.nextCall()).reject(new Error('poison'));
    const half = await backend.nextCall();
    await nextTurn();
    clock.advance(10);
    await outcomes;
    half.resolve(failing(half.items));
    await nextTurn();
    expect(unheard).not.toHaveBeenCalled();
  });
});

test('a batch that fails does not stop the next one', async () => {
  let calls = 0;
  const batcher = createBatcher<number, number>({
    concurrency: 1,
    process(items) {
      calls += 1;
      if (calls === 1) throw new Error('once');
      return items;
    },
  });
  await expect(batcher.add(1)).rejects.toThrow('once');
  expect(await batcher.add(2)).toBe(2);
});

class SettledLike {
  readonly results = [];
}
