import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, test, vi } from 'vitest';
import { DataLoader, type DataLoaderOptions } from './index.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** A loader that gives each key back, and what it asked for. */
function echo<K, C = K>(options?: DataLoaderOptions<K, K, C>) {
  const calls: (readonly K[])[] = [];
  const loader = new DataLoader<K, K, C>(async (keys) => {
    calls.push(keys);
    return keys;
  }, options);
  return { loader, calls };
}

/** A loader whose batches wait until the test answers them. */
function held<K>(options?: DataLoaderOptions<K, K>) {
  const calls: { keys: readonly K[]; answer(): void; fail(error: Error): void }[] = [];
  const loader = new DataLoader<K, K>((keys) => {
    const { promise, resolve, reject } = Promise.withResolvers<readonly K[]>();
    calls.push({ keys, answer: () => resolve(keys), fail: reject });
    return promise;
  }, options);
  return { loader, calls };
}

const failing = (calls: (readonly number[])[] = []) =>
  new DataLoader<number, number>(async (keys) => {
    calls.push(keys);
    return keys.map((key) => (key % 2 ? new Error(`odd: ${key}`) : key));
  });

describe('batches', () => {
  test('the keys of one tick are one batch, those of promises that it settles included', async () => {
    const { loader, calls } = echo<string>();
    const nested = Promise.resolve().then(() => Promise.resolve().then(() => loader.load('c')));
    expect(await Promise.all([loader.load('a'), loader.load('b'), nested])).toEqual([
      'a',
      'b',
      'c',
    ]);
    await loader.load('d');
    expect(calls).toEqual([['a', 'b', 'c'], ['d']]);
  });

  test('maxBatchSize cuts them, and does not count keys that were asked for twice', async () => {
    const { loader, calls } = echo<string>({ maxBatchSize: 3 });
    await Promise.all(['a', 'b', 'a', 'a', 'c', 'd'].map((key) => loader.load(key)));
    expect(calls).toEqual([['a', 'b', 'c'], ['d']]);
  });

  test('batch: false sends every key alone', async () => {
    const { loader, calls } = echo<number>({ batch: false });
    expect(await loader.loadMany([1, 2])).toEqual([1, 2]);
    expect(calls).toEqual([[1], [2]]);
  });

  test('a loader can be called from the batch function of another, in one batch each', async () => {
    const deep = echo<readonly string[]>();
    const a = new DataLoader<string, string>(async (keys) => (await deep.loader.load(keys)) ?? []);
    const b = new DataLoader<string, string>(async (keys) => (await deep.loader.load(keys)) ?? []);
    const all = [a.load('a1'), b.load('b1'), a.load('a2'), b.load('b2')];
    expect(await Promise.all(all)).toEqual(['a1', 'b1', 'a2', 'b2']);
    expect(deep.calls).toEqual([
      [
        ['a1', 'a2'],
        ['b1', 'b2'],
      ],
    ]);
  });

  test('batchScheduleFn decides when each batch is sent, in whatever order', async () => {
    const dispatches: (() => void)[] = [];
    const batchScheduleFn = (dispatch: () => void) => void dispatches.push(dispatch);
    const { loader, calls } = echo<number>({ batchScheduleFn, maxBatchSize: 2, cache: false });
    void loader.loadMany([1, 2, 3]);
    await nextTurn();
    expect(calls).toEqual([]);
    dispatches[1]?.();
    expect(calls).toEqual([[3]]);
    dispatches[0]?.();
    dispatches[0]?.();
    expect(calls).toEqual([[3], [1, 2]]);
  });

  test('the loader is "this" in the batch, the cache key and the schedule function', async () => {
    const seen: unknown[] = [];
    const loader = new DataLoader<number, number>(
      async function (this: unknown, keys) {
        seen.push(this);
        return keys;
      },
      {
        cacheKeyFn(this: unknown, key) {
          seen.push(this);
          return key;
        },
        batchScheduleFn(this: unknown, dispatch) {
          seen.push(this);
          setImmediate(dispatch);
        },
      },
    );
    await loader.load(1);
    expect(seen).toEqual([loader, loader, loader]);
  });

  test('the batch function runs in the async context of the first load', async () => {
    const request = new AsyncLocalStorage<string>();
    let seen: string | undefined;
    const loader = new DataLoader<number, number>(async (keys) => {
      seen = request.getStore();
      return keys;
    });
    await request.run('mine', () => loader.load(1));
    expect(seen).toBe('mine');
  });
});

describe('loadMany', () => {
  test('gives an error in the place of a value', async () => {
    const results = await failing().loadMany([2, 3]);
    expect(results).toEqual([2, new Error('odd: 3')]);
  });

  test('takes whatever is like an array', async () => {
    const { loader } = echo<string>();
    expect(await loader.loadMany({ length: 2, 0: 'a', 1: 'b' })).toEqual(['a', 'b']);
    expect(await loader.loadMany([])).toEqual([]);
  });
});

describe('the cache', () => {
  test('remembers what was loaded, and gives a key once to the batch function', async () => {
    const { loader, calls } = echo<string>();
    expect(await Promise.all([loader.load('a'), loader.load('a')])).toEqual(['a', 'a']);
    expect(await loader.load('a')).toBe('a');
    await loader.loadMany(['a', 'b']);
    expect(calls).toEqual([['a'], ['b']]);
  });

  test('remembers a key across batches that maxBatchSize cut', async () => {
    const { loader, calls } = echo<number>({ maxBatchSize: 1 });
    expect(await Promise.all([1, 2, 1].map((key) => loader.load(key)))).toEqual([1, 2, 1]);
    expect(calls).toEqual([[1], [2]]);
  });

  test.each([[undefined], [1]])(
    'gives a cached value together with its batch, maxBatchSize %s',
    async (size) => {
      const { loader, calls } = held<number>(size ? { maxBatchSize: size } : {});
      loader.prime(1, 1);
      const done: number[] = [];
      const answers = [1, 2].map((key) => loader.load(key).then((value) => done.push(value)));
      await nextTurn();
      expect(done).toEqual([]);
      calls[0]?.answer();
      await Promise.all(answers);
      expect(done.sort()).toEqual([1, 2]);
      expect(calls.map(({ keys }) => keys)).toEqual([[2]]);
    },
  );

  test('gives a cached value also when its batch fails', async () => {
    const { loader, calls } = held<number>();
    loader.prime(1, 1);
    const answers = Promise.allSettled([loader.load(1), loader.load(2)]);
    await nextTurn();
    calls[0]?.fail(new Error('down'));
    expect(await answers).toMatchObject([{ value: 1 }, { reason: { message: 'down' } }]);
  });

  test('calls no batch function for cached values alone', async () => {
    const { loader, calls } = echo<number>();
    loader.prime(1, 10);
    expect(await loader.load(1)).toBe(10);
    expect(calls).toEqual([]);
  });

  test('forgets one key by clear, all by clearAll; both can be chained', async () => {
    const { loader, calls } = echo<string>();
    await loader.loadMany(['a', 'b']);
    expect(loader.clear('a')).toBe(loader);
    await loader.loadMany(['a', 'b']);
    expect(loader.clearAll()).toBe(loader);
    await loader.loadMany(['a', 'b']);
    expect(calls).toEqual([['a', 'b'], ['a'], ['a', 'b']]);
  });

  test('can be cleared while a batch is on its way', async () => {
    const calls: (readonly string[])[] = [];
    const loader: DataLoader<string, string> = new DataLoader<string, string>(async (keys) => {
      loader.clearAll();
      calls.push(keys);
      return keys;
    });
    await Promise.all(['a', 'b', 'a'].map((key) => loader.load(key)));
    await loader.load('a');
    expect(calls).toEqual([['a', 'b'], ['a']]);
  });

  test('can be primed with a value or a promise, but keeps what it has', async () => {
    const { loader, calls } = echo<string>();
    loader.prime('a', 'A').prime('b', Promise.resolve('B')).prime('a', 'other');
    expect(await loader.loadMany(['a', 'b', 'c'])).toEqual(['A', 'B', 'c']);
    loader.prime('c', 'other').clear('a').prime('a', 'forced');
    expect(await loader.loadMany(['a', 'c'])).toEqual(['forced', 'c']);
    expect(calls).toEqual([['c']]);
  });

  test('goes by identity for objects, and by cacheKeyFn where there is one', async () => {
    const [one, same] = [{ id: 1 }, { id: 1 }];
    const plain = echo<{ id: number }>();
    await plain.loader.loadMany([one, same, one]);
    expect(plain.calls).toEqual([[one, same]]);

    const keyed = echo<{ id: number }, number>({ cacheKeyFn: ({ id }) => id });
    await keyed.loader.load(one);
    expect(await keyed.loader.load(same)).toBe(one);
    keyed.loader.clear(same);
    const primed = { id: 1 };
    expect(await keyed.loader.prime(one, primed).load(same)).toBe(primed);
    expect(keyed.calls).toEqual([[one]]);
  });

  test('can be a map of your own', async () => {
    const kept = new Map<string, Promise<string>>();
    const cacheMap = {
      get: (key: string) => kept.get(key),
      set: (key: string, value: Promise<string>) => kept.set(key, value),
      delete: (key: string) => kept.delete(key),
      clear: () => kept.clear(),
    };
    const { loader } = echo<string>({ cacheMap });
    await loader.loadMany(['a', 'b', 'c']);
    loader.clear('b');
    expect([...kept.keys()]).toEqual(['a', 'c']);
    loader.clearAll();
    expect(kept.size).toBe(0);
  });

  test.each([[{ cache: false }], [{ cacheMap: null }]])('is not used with %o', async (off) => {
    const cacheKeyFn = vi.fn((key: string) => key);
    const { loader, calls } = echo<string>({ cacheKeyFn, ...off });
    expect(await loader.prime('a', 'A').clear('a').clearAll().loadMany(['a', 'a'])).toEqual([
      'a',
      'a',
    ]);
    expect(calls).toEqual([['a', 'a']]);
    expect(cacheKeyFn).not.toHaveBeenCalled();
  });
});

describe('errors', () => {
  test('of a key are remembered, until it is cleared', async () => {
    const calls: (readonly number[])[] = [];
    const loader = failing(calls);
    for (let i = 0; i < 2; i += 1) await expect(loader.load(1)).rejects.toThrow('odd: 1');
    await expect(loader.clear(1).load(1)).rejects.toThrow('odd: 1');
    expect(calls).toEqual([[1], [1]]);
  });

  test('can be primed; then only a load that nobody catches is unhandled', async () => {
    const { loader } = echo<number>();
    loader.prime(1, new Error('primed'));
    await nextTurn();
    await expect(loader.load(1)).rejects.toThrow('primed');
  });

  test('of a whole batch reach every load, and are forgotten', async () => {
    const { loader, calls } = held<number>();
    const answers = Promise.allSettled([loader.load(1), loader.load(2)]);
    await nextTurn();
    calls[0]?.fail(new Error('down'));
    expect(await answers).toMatchObject([
      { reason: { message: 'down' } },
      { reason: { message: 'down' } },
    ]);
    const again = loader.load(1);
    await nextTurn();
    calls[1]?.answer();
    expect(await again).toBe(1);
  });

  test.each([
    ['must return a promise, but returned null', () => null],
    ['must return a promise, but returned an array', (keys: unknown) => keys],
    ['must promise an array of values, but promised undefined', async () => undefined],
    ['got 1 keys and promised 0 values', async () => []],
    [
      'must return a promise, but threw Error: at once',
      () => {
        throw new Error('at once');
      },
    ],
  ])('of a wrong batch function: %s', async (message, wrong: unknown) => {
    const loader = new DataLoader<number, number>(wrong as () => Promise<number[]>, {
      name: 'users',
    });
    const error = await loader.load(1).catch((caught) => caught);
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain(message);
    expect(error).toMatchObject({ code: 'ERR_BATCHER_RESULT_SHAPE', batcher: 'users' });
    expect(error.cause?.message).toBe(message.includes('threw') ? 'at once' : undefined);
  });

  test.each([null, undefined])('load(%s) throws', (key) => {
    const { loader } = echo<unknown>();
    expect(() => loader.load(key)).toThrow(new TypeError(`load() takes a key, got ${key}`));
    expect(() => loader.loadMany(key as never)).toThrow(TypeError);
  });

  test('values that count as false are keys', async () => {
    const { loader } = echo<unknown>();
    expect(await loader.loadMany([0, '', false])).toEqual([0, '', false]);
  });

  test.each([
    [{ maxBatchSize: 0 }, 'maxBatchSize must be a positive number, got 0'],
    [{ maxBatchSize: null }, 'maxBatchSize must be a positive number, got null'],
    [{ cacheKeyFn: null }, 'cacheKeyFn must be a function, got null'],
    [{ batchScheduleFn: 'x' }, 'batchScheduleFn must be a function, got "x"'],
    [
      { cacheMap: { get() {} } },
      'cacheMap must have get, set, delete and clear, lacks set, delete, clear',
    ],
  ])('a wrong option throws a TypeError: %o', (options: object, message) => {
    expect(() => echo(options)).toThrow(new TypeError(message));
  });

  test('a loader needs a function', () => {
    expect(() => new DataLoader(Object(1))).toThrow('batchLoadFn must be a function');
  });
});

test('the types of the dataloader package have the same names', () => {
  const options: DataLoader.Options<number, string> = { cacheMap: new Map() };
  const cacheMap: DataLoader.CacheMap<number, Promise<string>> = new Map();
  const load: DataLoader.BatchLoadFn<number, string> = async (keys) => keys.map(String);
  expect(new DataLoader(load, { ...options, cacheMap })).toBeInstanceOf(DataLoader);
});

test('a loader takes null for no options', async () => {
  expect(await new DataLoader(async (keys: readonly number[]) => keys, null).load(1)).toBe(1);
});

test('a loader has the name that it was given, or null', () => {
  expect(echo({ name: 'users' }).loader.name).toBe('users');
  expect(echo().loader.name).toBeNull();
});

describe('unlike in the dataloader package', () => {
  test('a schedule function that dispatches at once sends the keys of the tick', async () => {
    const { loader, calls } = echo({ batchScheduleFn: (dispatch) => dispatch() });
    expect(await Promise.all([loader.load(1), loader.load(2)])).toEqual([1, 2]);
    expect(await loader.load(3)).toBe(3);
    expect(calls).toEqual([[1, 2], [3]]);
  });

  test('concurrency bounds the batches in flight; what waits grows together', async () => {
    const { loader, calls } = held<number>({ concurrency: 1 });
    const answers = [loader.load(1)];
    await nextTurn();
    answers.push(loader.load(2));
    await nextTurn();
    answers.push(loader.load(3));
    await nextTurn();
    calls[0]?.answer();
    await nextTurn();
    calls[1]?.answer();
    expect(await Promise.all(answers)).toEqual([1, 2, 3]);
    expect(calls.map(({ keys }) => keys)).toEqual([[1], [2, 3]]);
  });

  test('queue bounds the keys that wait; a key that was refused can be loaded later', async () => {
    const { loader, calls } = held<number>({ concurrency: 1, queue: { max: 1 }, name: 'users' });
    void loader.load(1);
    await nextTurn();
    const waiting = loader.load(2);
    await expect(loader.load(3)).rejects.toMatchObject({
      code: 'ERR_BATCHER_QUEUE_FULL',
      message: 'batcher "users" is full: 1 calls wait already',
    });
    calls[0]?.answer();
    await nextTurn();
    const again = loader.load(3);
    calls[1]?.answer();
    await nextTurn();
    calls[2]?.answer();
    expect(await Promise.all([waiting, again])).toEqual([2, 3]);
  });
});
