import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { SendError, UnknownTopicError } from '../errors.ts';
import {
  clusterAway,
  producerScene,
  rawRecord,
  settle,
  textOf,
} from '../testing/producer-scene.ts';
import { partitionOf } from '../topics/murmur2.ts';

describe('a record', () => {
  test('resolves to its place when the driver has written it', async () => {
    const { driver, write, producer } = producerScene();
    const sent = write('a', { partition: 2 });
    await settle();
    expect(producer.stats()).toMatchObject({ accepted: 1, queued: 1, inFlight: 0 });
    const [taken] = driver.take();
    expect(taken).toMatchObject(rawRecord('a'));
    expect(producer.stats()).toMatchObject({ queued: 0, inFlight: 1 });
    taken?.written(7);
    expect(await sent).toEqual({ partition: 2, offset: 7 });
    expect(producer.stats()).toEqual({
      ...{ accepted: 1, written: 1, failed: 0, aborted: 0, refused: 0 },
      ...{ queued: 0, inFlight: 0, waitingForRoom: 0, bytes: 0 },
    });
  });

  test('whose place the broker no longer tells resolves without an offset', async () => {
    const { driver, write } = producerScene();
    const sent = write('a', { partition: 0 });
    await settle();
    driver.take()[0]?.written(undefined);
    expect(await sent).toEqual({ partition: 0, offset: undefined });
  });

  test.each([true, false])(
    'that fails says whether it may be written: %s',
    async (maybeWritten) => {
      const { driver, write, producer } = producerScene();
      const sent = write('a', { partition: 1 });
      await settle();
      const cause = clusterAway();
      driver.take()[0]?.failed(cause, maybeWritten);
      const error = await sent.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(SendError);
      expect(error).toMatchObject({ topic: 't', partition: 1, maybeWritten, cause });
      expect(error).toMatchObject({ code: 'ERR_MESSAGING_SEND' });
      expect(String(error)).toContain(maybeWritten ? 'it may have been' : 'it was not written');
      expect(producer.stats()).toMatchObject({ failed: 1, written: 0, bytes: 0 });
    },
  );

  test('has one answer, whatever else the driver says', async () => {
    const { driver, write, producer } = producerScene();
    const sent = write('a', { partition: 0 });
    await settle();
    const [taken] = driver.take();
    taken?.written(1);
    taken?.written(2);
    taken?.failed(clusterAway(), true);
    expect(await sent).toEqual({ partition: 0, offset: 1 });
    expect(producer.stats()).toMatchObject({ written: 1, failed: 0, inFlight: 0, bytes: 0 });
  });

  test('that is larger than it may be is refused at once', async () => {
    const { write, producer } = producerScene();
    await expect(write('x'.repeat(65), { maxBytes: 100 })).rejects.toMatchObject({
      ...{ code: 'ERR_MESSAGING_TOO_LARGE', topic: 't', bytes: 101, maxBytes: 100 },
    });
    void write('x'.repeat(64), { maxBytes: 100 });
    expect(producer.stats()).toMatchObject({ accepted: 1, bytes: 100 });
  });

  test('that has no limit and is larger than all the room goes alone', async () => {
    const { driver, write, producer } = producerScene({
      maxBatchBytes: 50,
      queue: { maxBytes: 50 },
    });
    void write('x'.repeat(65), { partition: 0 });
    await expect(write('y')).rejects.toMatchObject({ code: 'ERR_MESSAGING_QUEUE_FULL' });
    await settle();
    driver.take(50)[0]?.written(0);
    expect(producer.stats()).toMatchObject({ written: 1, bytes: 0 });
  });

  test('counts its key and its headers, too', async () => {
    const { producer } = producerScene();
    const headers = [
      ['ä', Buffer.from('12')],
      ['b', null],
    ] as const;
    void producer.write('t', { ...rawRecord('abc', 'key'), headers });
    expect(producer.stats().bytes).toBe(36 + 3 + 3 + (10 + 2 + 2) + (10 + 1));
  });
});

describe('the partition', () => {
  test('is that of the key', async () => {
    const { driver, write } = producerScene();
    driver.partitions = 100;
    for (const key of ['u1', 'u2', 'u3']) void write('v', { key });
    await settle();
    const chosen = driver.offers.map(({ partition }) => partition);
    expect(chosen).toEqual(['u1', 'u2', 'u3'].map((key) => partitionOf(Buffer.from(key), 100)));
  });

  test.each([-1, 3, 1.5, Number.NaN])('cannot be %s of three', async (partition) => {
    const { write, producer } = producerScene();
    await expect(write('a', { partition })).rejects.toThrow(
      new RangeError(`partition must be from 0 to 2, got ${partition}`),
    );
    expect(producer.stats()).toMatchObject({ failed: 1, bytes: 0, queued: 0 });
  });

  test('without a key is the same for a batch, and in the long run all', async () => {
    const { driver, write } = producerScene();
    const used = new Set<number>();
    for (let round = 0; round < 100; round += 1) {
      driver.offers.length = 0;
      for (let i = 0; i < 5; i += 1) void write('v');
      await turn();
      expect(driver.offers.length).toBe(1);
      for (const { partition } of driver.offers) used.add(partition);
      for (const taken of driver.take()) taken.written(0);
    }
    expect(used).toEqual(new Set([0, 1, 2]));
  });

  test('without a key is another one when nobody takes from it', async () => {
    const { driver, write, clock } = producerScene();
    driver.partitions = 1_000_000;
    void write('v');
    clock.advance(99);
    void write('v');
    clock.advance(1);
    void write('v');
    await settle();
    expect(driver.offers.length).toBe(2);
  });

  test('without a key is another one when a batch is full', async () => {
    const { driver, write } = producerScene({ maxBatchBytes: 100 });
    driver.partitions = 1_000_000;
    for (let i = 0; i < 4; i += 1) void write('x'.repeat(14));
    await settle();
    expect(driver.offers.length).toBe(2);
  });

  test('without a key is never one that is gone', async () => {
    const { driver, write } = producerScene();
    driver.partitions = 1_000_000;
    void write('v');
    driver.partitions = 1;
    await expect(Promise.race([write('v'), turn()])).resolves.toBeUndefined();
    expect(driver.offers[1]?.partition).toBe(0);
  });
});

describe('a topic that is not known yet', () => {
  test('keeps the order of its records while it is asked for', async () => {
    const { driver, write } = producerScene();
    const asked = Promise.withResolvers<number>();
    const questions: string[] = [];
    driver.partitions = (topic) => {
      questions.push(topic);
      return asked.promise;
    };
    void write('a', { partition: 0 });
    void write('b', { partition: 0 });
    await settle();
    driver.partitions = 3;
    asked.resolve(3);
    void write('c', { partition: 0 });
    await settle();
    expect(driver.take().map(textOf)).toEqual(['a', 'b', 'c']);
    expect(questions).toEqual(['t']);
  });

  test('that does not exist fails them, certainly not written', async () => {
    const { driver, write, fates } = producerScene();
    driver.partitions = () => {
      throw new UnknownTopicError('t');
    };
    void write('a');
    void write('b');
    await settle();
    const fate = { partition: undefined, maybeWritten: false, cause: { topic: 't' } };
    expect(fates).toMatchObject([fate, fate]);
    driver.partitions = 1;
    void write('c');
    await settle();
    expect(driver.take().map(textOf)).toEqual(['c']);
  });

  test('is asked for again while the cluster is away, until the time of its records is over', async () => {
    const { driver, write, fates, clock } = producerScene({ deliveryTimeoutMs: 10_000 });
    let questions = 0;
    let listeners = 0;
    driver.partitions = async (_, signal) => {
      questions += 1;
      if (signal) listeners = getEventListeners(signal, 'abort').length;
      throw clusterAway();
    };
    void write('a');
    await clock.pass(5_000);
    void write('b');
    expect(questions).toBeGreaterThan(3);
    expect(listeners).toBe(0);
    expect(questions).toBeLessThan(12);
    await clock.pass(5_000);
    expect(fates).toMatchObject([{ maybeWritten: false }, undefined]);
    driver.partitions = 1;
    await clock.pass(1_000);
    expect(driver.take().map(textOf)).toEqual(['b']);
    driver.partitions = () => Promise.reject(clusterAway());
  });

  test('is asked for no more when nobody waits', async () => {
    const { driver, write, clock } = producerScene();
    driver.partitions = () => Promise.reject(clusterAway());
    const controller = new AbortController();
    void write('a', { signal: controller.signal });
    await settle();
    controller.abort();
    await clock.pass(1_000);
    expect(clock.timers).toBe(0);
  });

  test('whose question fails with no Error fails its records', async () => {
    const { driver, write, fates } = producerScene();
    driver.partitions = () => Promise.reject('no');
    void write('a');
    await settle();
    expect(fates).toMatchObject([{ cause: { message: 'no', cause: 'no' } }]);
  });
});
