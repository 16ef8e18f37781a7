import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import {
  clusterAway,
  producerScene,
  rawRecord,
  settle,
  textOf,
} from '../testing/producer-scene.ts';

describe('the time of delivery', () => {
  test('ends wherever a record waits here, which is then not written', async () => {
    const { driver, write, fates, clock, producer } = producerScene({ deliveryTimeoutMs: 100 });
    void write('a', { partition: 0 });
    await settle();
    clock.advance(60);
    void write('b', { partition: 1 });
    await settle();
    clock.advance(40);
    await settle();
    expect(fates).toMatchObject([{ partition: 0, maybeWritten: false }, undefined]);
    expect(String(fates[0])).toContain('was not delivered within 100 ms');
    expect(driver.take().map(textOf)).toEqual(['b']);
    clock.advance(100);
    await settle();
    expect(producer.stats()).toMatchObject({ failed: 1, inFlight: 1 });
  });

  test('ends for each at its own time', async () => {
    const { write, fates, clock } = producerScene({ deliveryTimeoutMs: 100 });
    void write('a', { partition: 0 });
    await settle();
    clock.advance(60);
    void write('b', { partition: 0 });
    await settle();
    clock.advance(40);
    clock.advance(59);
    await settle();
    expect(fates).toMatchObject([{ maybeWritten: false }, undefined]);
    clock.advance(1);
    await settle();
    expect(fates).toMatchObject([{ maybeWritten: false }, { maybeWritten: false }]);
  });

  test('is told to the driver, which looks after what it has', async () => {
    const { driver, write, clock } = producerScene({ deliveryTimeoutMs: 100 });
    clock.advance(5);
    void write('a');
    await settle();
    expect(driver.take()[0]?.deadlineMs).toBe(105);
    expect(clock.timers).toBe(0);
  });

  test('takes no timer as long as the driver takes at once', async () => {
    const { driver, write, clock } = producerScene();
    driver.onOffer = () => driver.take();
    for (let i = 0; i < 5; i += 1) void write('a');
    await settle();
    expect(clock.timers).toBe(0);
  });
});

describe('a signal', () => {
  test('that has aborted already lets nothing in', async () => {
    const { write, producer } = producerScene();
    await expect(write('a', { signal: AbortSignal.abort('no') })).rejects.toBe('no');
    expect(producer.stats()).toMatchObject({ accepted: 0 });
  });

  test('takes a record back that waits, and room is free again', async () => {
    const { driver, write, fates, producer } = producerScene({ queue: { max: 2 } });
    const controller = new AbortController();
    void write('a', { partition: 0, signal: controller.signal });
    void write('b', { partition: 0 });
    controller.abort('gone');
    void write('c', { partition: 0 });
    await settle();
    expect(fates[0]).toBe('gone');
    expect(driver.take().map(textOf)).toEqual(['b', 'c']);
    expect(producer.stats()).toMatchObject({ aborted: 1, accepted: 3, inFlight: 2 });
  });

  test('that one record no longer waits on still takes the others back', async () => {
    const { driver, write, fates } = producerScene();
    const controller = new AbortController();
    const { signal } = controller;
    void write('a', { partition: 0, signal });
    void write('b', { partition: 1, signal });
    await settle();
    driver.take(1, 0)[0]?.written(0);
    controller.abort('gone');
    await settle();
    expect(fates).toEqual([{ partition: 0, offset: 0 }, 'gone']);
  });

  test('only detaches the caller of a record in flight', async () => {
    const { driver, write, fates, producer } = producerScene();
    const controller = new AbortController();
    void write('a', { partition: 0, signal: controller.signal });
    await settle();
    const [taken] = driver.take();
    controller.abort('gone');
    await settle();
    expect(fates).toEqual(['gone']);
    expect(producer.stats()).toMatchObject({ inFlight: 1, aborted: 0 });
    taken?.written(0);
    await settle();
    expect(fates).toEqual(['gone']);
    expect(producer.stats()).toMatchObject({ inFlight: 0, written: 1, bytes: 0 });
  });

  test('that lives long has one listener, and none when a hundred thousand records are through', async () => {
    const { driver, write } = producerScene();
    const { signal } = new AbortController();
    const sent = Array.from({ length: 100_000 }, () => write('a', { signal, partition: 0 }));
    expect(getEventListeners(signal, 'abort').length).toBe(1);
    await settle();
    for (const one of driver.take()) one.written(0);
    await Promise.all(sent);
    expect(getEventListeners(signal, 'abort').length).toBe(0);
  });

  test('that aborts a hundred thousand records leaves nothing behind', async () => {
    const { write, producer } = producerScene({ queue: { max: 50_000, whenFull: 'wait' } });
    const controller = new AbortController();
    const { signal } = controller;
    const sent = Array.from({ length: 100_000 }, () => write('a', { signal, partition: 0 }));
    controller.abort('all');
    const results = await Promise.allSettled(sent);
    expect(results.every((one) => one.status === 'rejected' && one.reason === 'all')).toBe(true);
    expect(getEventListeners(signal, 'abort').length).toBe(0);
    expect(producer.stats()).toMatchObject({ aborted: 100_000, queued: 0, bytes: 0 });
  });
});

describe('flush', () => {
  test('waits for what was accepted before, and for nothing after', async () => {
    const { driver, write, producer } = producerScene({ lingerMs: 1_000 });
    void write('a', { partition: 0 });
    let isDone = false;
    const flushed = producer.flush().then(() => {
      isDone = true;
    });
    void write('b', { partition: 1 });
    expect(driver.offers.map(({ partition }) => partition)).toEqual([0]);
    await settle();
    expect(isDone).toBe(false);
    driver.take()[0]?.failed(clusterAway(), false);
    await flushed;
    expect(producer.stats()).toMatchObject({ queued: 1 });
  });

  test('waits for those before an earlier flush as well', async () => {
    const { driver, write, producer } = producerScene();
    void write('a', { partition: 0 });
    void producer.flush();
    let isDone = false;
    const flushed = producer.flush().then(() => {
      isDone = true;
    });
    await settle();
    expect(isDone).toBe(false);
    driver.take()[0]?.written(0);
    await flushed;
  });

  test('waits for what comes after a time when nothing was under way', async () => {
    const { driver, write, producer } = producerScene();
    const first = write('a', { partition: 0 });
    await settle();
    driver.take()[0]?.written(0);
    await first;
    void write('b', { partition: 0 });
    let isDone = false;
    const flushed = producer.flush().then(() => {
      isDone = true;
    });
    await settle();
    expect(isDone).toBe(false);
    driver.take()[0]?.written(1);
    await flushed;
  });

  test('ends at once when there is nothing', async () => {
    const { producer } = producerScene();
    expect(await producer.flush()).toBeUndefined();
  });
});

describe('close', () => {
  test('delivers what was accepted and takes nothing more', async () => {
    const { driver, write, producer, fates } = producerScene({ lingerMs: 1_000 });
    void write('a', { partition: 0 });
    const closed = producer.close(1_000);
    await expect(write('b')).rejects.toMatchObject({ code: 'ERR_MESSAGING_CLOSED' });
    driver.take()[0]?.written(3);
    await closed;
    expect(fates[0]).toEqual({ partition: 0, offset: 3 });
    expect(producer.close(0)).toBe(producer.close(5));
  });

  test('fails the rest when its time is over, and says what may be written', async () => {
    const { driver, write, producer, fates, clock } = producerScene({
      ...{ queue: { max: 4, whenFull: 'wait' } },
    });
    driver.partitions = (topic) => (topic === 't' ? 1 : new Promise(() => undefined));
    for (const value of ['silent', 'lost', 'queued']) void write(value);
    const unplaced = producer.write('u', rawRecord('v')).catch((reason: unknown) => reason);
    void write('waiting');
    await settle();
    const [, lost] = driver.take(82);
    driver.onClose = async () => lost?.failed(clusterAway(), true);
    const closed = producer.close(500);
    await clock.pass(499);
    expect(fates).toEqual([undefined, undefined, undefined, undefined]);
    await clock.pass(1);
    await closed;
    const ended = { cause: { code: 'ERR_MESSAGING_CLOSED' } };
    expect(fates).toMatchObject([
      { maybeWritten: true, ...ended },
      { maybeWritten: true, cause: { code: 'ERR_MESSAGING_DRIVER' } },
      { maybeWritten: false, partition: 0, ...ended },
      { maybeWritten: false, ...ended },
    ]);
    expect(await unplaced).toMatchObject({ maybeWritten: false, partition: undefined });
    expect(producer.stats()).toMatchObject({ failed: 5, queued: 0, inFlight: 0, bytes: 0 });
    expect(clock.timers).toBe(0);
  });

  test.each(['hangs', 'fails'])('ends in time even when the driver %s', async (how) => {
    const { driver, write, producer, fates, clock } = producerScene();
    driver.onClose = () => {
      if (how === 'fails') throw clusterAway();
      return new Promise(() => undefined);
    };
    void write('a');
    await settle();
    driver.take();
    const closed = producer.close(0);
    await clock.pass(1_000);
    await closed;
    expect(fates).toMatchObject([{ maybeWritten: true }]);
  });

  test('ends the question for a topic', async () => {
    const { driver, write, producer, clock } = producerScene();
    let signal: AbortSignal | undefined;
    driver.partitions = (_, given) => {
      signal = given;
      return Promise.reject(clusterAway());
    };
    void write('a');
    await settle();
    const closed = producer.close(0);
    await clock.pass(0);
    await closed;
    expect(signal?.aborted).toBe(true);
    expect(clock.timers).toBe(0);
  });
});

describe('troubles', () => {
  test('tell of a failure until something is written', async () => {
    const { driver, write, producer } = producerScene();
    driver.onOffer = () => driver.take();
    void write('a');
    await settle();
    expect(producer.troubles()).toEqual([]);
    driver.taken[0]?.failed(clusterAway(), false);
    expect(producer.troubles()).toEqual([
      expect.stringMatching(/^the last delivery failed: .*the cluster is away$/),
    ]);
    void write('b');
    await settle();
    driver.taken[1]?.written(0);
    expect(producer.troubles()).toEqual([]);
  });

  test('tell of records that wait for long, here and in the driver', async () => {
    const { driver, write, producer, clock } = producerScene();
    void write('a');
    await settle();
    clock.advance(5_001);
    expect(producer.troubles()).toEqual(['a message waits for delivery since 5001 ms']);
    driver.take();
    expect(producer.troubles()).toEqual(['a message waits for delivery since 5001 ms']);
    driver.taken[0]?.written(0);
    expect(producer.troubles()).toEqual([]);
  });

  test('tell of records that ran out of time, and of a full queue', async () => {
    const { write, producer, clock } = producerScene({ deliveryTimeoutMs: 10, queue: { max: 1 } });
    void write('a');
    expect(producer.troubles()).toEqual(['the queue is full: 1 messages, 37 bytes']);
    await settle();
    clock.advance(10);
    expect(producer.troubles()).toEqual([expect.stringContaining('not delivered within 10 ms')]);
  });
});
