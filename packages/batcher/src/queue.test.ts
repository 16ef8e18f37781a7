import { describe, expect, test } from 'vitest';
import { createBatcher } from './index.ts';
import { scriptedBackend } from './testing/index.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** A batcher whose only slot is taken, with what it sent after that. */
async function busy(options: object) {
  const backend = scriptedBackend<string>();
  const batcher = createBatcher({ process: backend.process, concurrency: 1, ...options });
  void batcher.add('first');
  await nextTurn();
  const finish = async () => {
    const call = backend.calls.at(-1);
    call?.resolve([...call.items]);
    await nextTurn();
  };
  return { batcher, finish, sent: () => backend.sent.slice(1) };
}

describe('a full queue that rejects', () => {
  test('refuses a call at once and names its bound', async () => {
    const { batcher, finish, sent } = await busy({ name: 'stock', queue: { max: 2 } });
    const answers = ['a', 'b'].map((item) => batcher.add(item));
    await expect(batcher.add('c')).rejects.toMatchObject({
      name: 'QueueFullError',
      code: 'ERR_BATCHER_QUEUE_FULL',
      message: 'batcher "stock" is full: 2 calls wait already',
      max: 2,
    });
    expect(batcher.stats()).toMatchObject({ queued: 2, refused: 1 });
    await finish();
    const later = batcher.add('d');
    await finish();
    await finish();
    expect(await Promise.all([...answers, later])).toEqual(['a', 'b', 'd']);
    expect(sent()).toEqual([['a', 'b'], ['d']]);
  });
});

describe('a full queue that waits', () => {
  const options = { maxSize: 2, queue: { max: 2, whenFull: 'wait' } };

  test('serves callers in the order of coming', async () => {
    const { batcher, finish, sent } = await busy(options);
    const order: string[] = [];
    for (const item of ['a', 'b', 'c', 'd', 'e']) {
      batcher.add(item).then((result) => order.push(result));
    }
    expect(batcher.stats()).toMatchObject({ queued: 2, waitingForRoom: 3, refused: 0 });
    for (let i = 0; i < 4; i += 1) await finish();
    expect(sent()).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect(order).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('lets a caller who waits for room leave', async () => {
    const { batcher, finish, sent } = await busy(options);
    const controller = new AbortController();
    for (const item of ['a', 'b', 'c']) void batcher.add(item);
    const taken = batcher.add('d', { signal: controller.signal });
    void batcher.add('e');
    controller.abort('gone');
    await expect(taken).rejects.toBe('gone');
    expect(batcher.stats()).toMatchObject({ queued: 2, waitingForRoom: 2 });
    for (let i = 0; i < 3; i += 1) await finish();
    expect(sent()).toEqual([['a', 'b'], ['c'], ['e']]);
  });
});
