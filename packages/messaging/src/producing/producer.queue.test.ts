import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { producerScene, settle, textOf } from '../testing/producer-scene.ts';

describe('the queue', () => {
  const small = { queue: { max: 3 } };

  test('refuses what is too many, those in flight included', async () => {
    const { driver, write, producer } = producerScene(small);
    for (const value of ['a', 'b']) void write(value, { partition: 0 });
    await settle();
    const [first] = driver.take(1);
    void write('c');
    await expect(write('d')).rejects.toMatchObject({
      ...{ code: 'ERR_MESSAGING_QUEUE_FULL', topic: 't', messages: 3 },
    });
    expect(producer.stats()).toMatchObject({ accepted: 3, refused: 1, queued: 2, inFlight: 1 });
    first?.written(0);
    void write('e');
    expect(producer.stats()).toMatchObject({ accepted: 4, refused: 1 });
  });

  test('refuses what is too much in bytes', async () => {
    const { write, producer } = producerScene({ maxBatchBytes: 100, queue: { maxBytes: 200 } });
    void write('x'.repeat(64));
    void write('x'.repeat(63));
    await expect(write('xx')).rejects.toMatchObject({ code: 'ERR_MESSAGING_QUEUE_FULL' });
    expect(producer.stats().bytes).toBe(199);
  });

  const patient = { queue: { max: 2, whenFull: 'wait' } } as const;

  test('lets callers wait for room, first come, first served', async () => {
    const { driver, write, producer } = producerScene(patient);
    for (const value of ['a', 'b', 'c', 'd', 'e']) void write(value, { partition: 0 });
    await settle();
    expect(producer.stats()).toMatchObject({ accepted: 5, queued: 2, waitingForRoom: 3 });
    expect(driver.take().map(textOf)).toEqual(['a', 'b']);
    driver.taken[0]?.written(0);
    void write('f', { partition: 0 });
    expect(producer.stats()).toMatchObject({ queued: 1, waitingForRoom: 3 });
    for (let i = 1; i < 6; i += 1) {
      await settle();
      driver.take();
      driver.taken[i]?.written(i);
    }
    expect(driver.taken.map(textOf)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(producer.stats()).toMatchObject({ written: 6, waitingForRoom: 0, bytes: 0 });
  });

  test('nobody goes past one who waits, not even with a smaller record', async () => {
    const { driver, write, producer } = producerScene({
      ...{ maxBatchBytes: 100, queue: { maxBytes: 150, whenFull: 'wait' } },
    });
    void write('x'.repeat(30), { partition: 0 });
    void write('y'.repeat(64), { partition: 0 });
    void write('z', { partition: 0 });
    expect(producer.stats()).toMatchObject({ waitingForRoom: 2 });
    await settle();
    for (const one of driver.take()) one.written(0);
    await settle();
    expect(driver.take().map((one) => textOf(one)[0])).toEqual(['y', 'z']);
  });

  test('who waits for room may leave, and is given up in time', async () => {
    const { driver, write, fates, clock, producer } = producerScene({
      ...patient,
      deliveryTimeoutMs: 100,
    });
    const controller = new AbortController();
    void write('a');
    void write('b');
    void write('c', { signal: controller.signal });
    await settle();
    driver.take();
    controller.abort('changed my mind');
    await settle();
    expect(fates[2]).toBe('changed my mind');
    clock.advance(50);
    void write('d');
    await settle();
    clock.advance(99);
    expect(producer.stats()).toMatchObject({ waitingForRoom: 1, aborted: 1 });
    clock.advance(1);
    await settle();
    expect(fates[3]).toMatchObject({ maybeWritten: false, partition: undefined });
    expect(producer.stats()).toMatchObject({ waitingForRoom: 0, failed: 1 });
  });

  test('a hundred thousand who wait with a wrong partition leave one after the other', async () => {
    const { driver, write, producer } = producerScene({ queue: { max: 1, whenFull: 'wait' } });
    void write('a', { partition: 0 });
    const wrong = Array.from({ length: 100_000 }, () => write('b', { partition: 9 }));
    await settle();
    driver.take()[0]?.written(0);
    const results = await Promise.allSettled(wrong);
    expect(results.every(({ status }) => status === 'rejected')).toBe(true);
    expect(producer.stats()).toMatchObject({ failed: 100_000, waitingForRoom: 0 });
  });
});

describe('a batch', () => {
  test('is offered at the end of the tick, once, with all that came in it', async () => {
    const { driver, write } = producerScene();
    void write('a', { partition: 0 });
    await Promise.resolve();
    void write('b', { partition: 0 });
    process.nextTick(() => void write('c', { partition: 0 }));
    expect(driver.offers).toEqual([]);
    await turn();
    expect(driver.offers.length).toBe(1);
    expect(driver.take().map(textOf)).toEqual(['a', 'b', 'c']);
  });

  test('takes so many bytes at most, but at least one record', async () => {
    const { driver, write } = producerScene();
    for (const length of [64, 14, 14, 64]) void write('x'.repeat(length), { partition: 0 });
    await turn();
    const sizes = [1, 100, 100, 100].map((maxBytes) => driver.take(maxBytes).length);
    expect(sizes).toEqual([1, 2, 1, 0]);
  });

  test('leaves a rest that is offered again, without lingering once more', async () => {
    const { driver, write, clock } = producerScene({ lingerMs: 10 });
    for (let i = 0; i < 3; i += 1) void write('x'.repeat(14), { partition: 0 });
    await turn();
    clock.advance(10);
    expect(driver.take(50).length).toBe(1);
    driver.offers.length = 0;
    await turn();
    expect(driver.take().length).toBe(2);
    void write('y', { partition: 0 });
    await turn();
    expect(driver.take(0).length).toBe(1);
    driver.offers.length = 0;
    void write('z', { partition: 0 });
    await turn();
    expect(driver.offers).toEqual([]);
  });

  test('that is flushed ends the lingering; the next one lingers for its own time', async () => {
    const { driver, write, clock, producer } = producerScene({ lingerMs: 10 });
    void write('a', { partition: 0 });
    await settle();
    clock.advance(6);
    void producer.flush();
    expect(driver.take().map(textOf)).toEqual(['a']);
    void write('b', { partition: 1 });
    await settle();
    clock.advance(4);
    expect(driver.offers.length).toBe(1);
    clock.advance(6);
    expect(driver.offers.length).toBe(2);
  });

  test('waits lingerMs for company', async () => {
    const { driver, write, clock } = producerScene({ lingerMs: 10 });
    void write('a', { partition: 0 });
    await settle();
    clock.advance(9);
    void write('b', { partition: 0 });
    await settle();
    expect(driver.offers).toEqual([]);
    clock.advance(1);
    expect(driver.take().map(textOf)).toEqual(['a', 'b']);
    void write('c', { partition: 0 });
    await settle();
    expect(driver.offers.length).toBe(1);
    clock.advance(10);
    expect(driver.take().map(textOf)).toEqual(['c']);
  });

  test('that is full does not linger', async () => {
    const { driver, write } = producerScene({ lingerMs: 10, maxBatchBytes: 100 });
    void write('a', { partition: 0 });
    void write('x'.repeat(64), { partition: 1 });
    await turn();
    expect(driver.offers.map(({ partition }) => partition)).toEqual([1]);
  });

  test('is not offered when everything in it was taken back', async () => {
    const { driver, write } = producerScene();
    const controller = new AbortController();
    void write('a', { signal: controller.signal });
    controller.abort();
    await settle();
    expect(driver.offers).toEqual([]);
  });

  test('belongs to the async context of no caller', async () => {
    const { driver, write } = producerScene();
    const request = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    driver.onOffer = () => seen.push(request.getStore());
    request.run('first', () => void write('a', { partition: 0 }));
    await settle();
    expect(seen).toEqual([undefined]);
  });
});
