import { AsyncLocalStorage } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Sent } from './delivery.ts';
import { DriverError, SendError, UnknownTopicError } from './errors.ts';
import { partitionOf } from './murmur2.ts';
import { Producer, type WriteOptions } from './producer.ts';
import { type ProducerOptions, resolveProducerOptions } from './producer-options.ts';
import type { RawRecord } from './record.ts';
import { manualClock } from './testing/manual-clock.ts';
import { ScriptedProducer } from './testing/scripted-producer.ts';

function open(options: ProducerOptions = {}) {
  const clock = manualClock();
  const driver = new ScriptedProducer();
  const settings = resolveProducerOptions(options);
  const producer = new Producer({ name: 'test', driver, options: settings, clock });
  /** What becomes of each, in the order of the calls: undefined as long as nothing has. */
  const fates: unknown[] = [];
  const write = (value: string, options: WriteOptions & { key?: string } = {}) => {
    const at = fates.push(undefined) - 1;
    const note = (fate: Sent | Error) => {
      fates[at] = fate;
    };
    const sent = producer.write('t', record(value, options.key), options);
    sent.then(note, note);
    return sent;
  };
  return { clock, driver, producer, write, fates };
}

function record(value: string, key?: string): RawRecord {
  const bytes = key === undefined ? null : Buffer.from(key);
  return { key: bytes, value: Buffer.from(value), headers: [], timestamp: 0 };
}

const text = ({ value }: RawRecord) => String(value);
const settle = async () => {
  for (let i = 0; i < 3; i += 1) await turn();
};
const away = () => new DriverError('the cluster is away', { isRetriable: true });

describe('a record', () => {
  test('resolves to its place when the driver has written it', async () => {
    const { driver, write, producer } = open();
    const sent = write('a', { partition: 2 });
    await settle();
    expect(producer.stats()).toMatchObject({ accepted: 1, queued: 1, inFlight: 0 });
    const [taken] = driver.take();
    expect(taken).toMatchObject(record('a'));
    expect(producer.stats()).toMatchObject({ queued: 0, inFlight: 1 });
    taken?.written(7);
    expect(await sent).toEqual({ partition: 2, offset: 7 });
    expect(producer.stats()).toEqual({
      ...{ accepted: 1, written: 1, failed: 0, aborted: 0, refused: 0 },
      ...{ queued: 0, inFlight: 0, waitingForRoom: 0, bytes: 0 },
    });
  });

  test('whose place the broker no longer tells resolves without an offset', async () => {
    const { driver, write } = open();
    const sent = write('a', { partition: 0 });
    await settle();
    driver.take()[0]?.written(undefined);
    expect(await sent).toEqual({ partition: 0, offset: undefined });
  });

  test.each([true, false])(
    'that fails says whether it may be written: %s',
    async (maybeWritten) => {
      const { driver, write, producer } = open();
      const sent = write('a', { partition: 1 });
      await settle();
      const cause = away();
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
    const { driver, write, producer } = open();
    const sent = write('a', { partition: 0 });
    await settle();
    const [taken] = driver.take();
    taken?.written(1);
    taken?.written(2);
    taken?.failed(away(), true);
    expect(await sent).toEqual({ partition: 0, offset: 1 });
    expect(producer.stats()).toMatchObject({ written: 1, failed: 0, inFlight: 0, bytes: 0 });
  });

  test('that is larger than it may be is refused at once', async () => {
    const { write, producer } = open();
    await expect(write('x'.repeat(65), { maxBytes: 100 })).rejects.toMatchObject({
      ...{ code: 'ERR_MESSAGING_TOO_LARGE', topic: 't', bytes: 101, maxBytes: 100 },
    });
    void write('x'.repeat(64), { maxBytes: 100 });
    expect(producer.stats()).toMatchObject({ accepted: 1, bytes: 100 });
  });

  test('that has no limit and is larger than all the room goes alone', async () => {
    const { driver, write, producer } = open({ maxBatchBytes: 50, queue: { maxBytes: 50 } });
    void write('x'.repeat(65), { partition: 0 });
    await expect(write('y')).rejects.toMatchObject({ code: 'ERR_MESSAGING_QUEUE_FULL' });
    await settle();
    driver.take(50)[0]?.written(0);
    expect(producer.stats()).toMatchObject({ written: 1, bytes: 0 });
  });

  test('counts its key and its headers, too', async () => {
    const { producer } = open();
    const headers = [
      ['ä', Buffer.from('12')],
      ['b', null],
    ] as const;
    void producer.write('t', { ...record('abc', 'key'), headers });
    expect(producer.stats().bytes).toBe(36 + 3 + 3 + (10 + 2 + 2) + (10 + 1));
  });
});

describe('the partition', () => {
  test('is that of the key', async () => {
    const { driver, write } = open();
    driver.partitions = 100;
    for (const key of ['u1', 'u2', 'u3']) void write('v', { key });
    await settle();
    const chosen = driver.offers.map(({ partition }) => partition);
    expect(chosen).toEqual(['u1', 'u2', 'u3'].map((key) => partitionOf(Buffer.from(key), 100)));
  });

  test.each([-1, 3, 1.5, Number.NaN])('cannot be %s of three', async (partition) => {
    const { write, producer } = open();
    await expect(write('a', { partition })).rejects.toThrow(
      new RangeError(`partition must be from 0 to 2, got ${partition}`),
    );
    expect(producer.stats()).toMatchObject({ failed: 1, bytes: 0, queued: 0 });
  });

  test('without a key is the same for a batch, and in the long run all', async () => {
    const { driver, write } = open();
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
    const { driver, write, clock } = open();
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
    const { driver, write } = open({ maxBatchBytes: 100 });
    driver.partitions = 1_000_000;
    for (let i = 0; i < 4; i += 1) void write('x'.repeat(14));
    await settle();
    expect(driver.offers.length).toBe(2);
  });

  test('without a key is never one that is gone', async () => {
    const { driver, write } = open();
    driver.partitions = 1_000_000;
    void write('v');
    driver.partitions = 1;
    await expect(Promise.race([write('v'), turn()])).resolves.toBeUndefined();
    expect(driver.offers[1]?.partition).toBe(0);
  });
});

describe('a topic that is not known yet', () => {
  test('keeps the order of its records while it is asked for', async () => {
    const { driver, write } = open();
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
    expect(driver.take().map(text)).toEqual(['a', 'b', 'c']);
    expect(questions).toEqual(['t']);
  });

  test('that does not exist fails them, certainly not written', async () => {
    const { driver, write, fates } = open();
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
    expect(driver.take().map(text)).toEqual(['c']);
  });

  test('is asked for again while the cluster is away, until the time of its records is over', async () => {
    const { driver, write, fates, clock } = open({ deliveryTimeoutMs: 10_000 });
    let questions = 0;
    driver.partitions = async () => {
      questions += 1;
      throw away();
    };
    void write('a');
    await clock.pass(5_000);
    void write('b');
    expect(questions).toBeGreaterThan(3);
    expect(questions).toBeLessThan(12);
    await clock.pass(5_000);
    expect(fates).toMatchObject([{ maybeWritten: false }, undefined]);
    driver.partitions = 1;
    await clock.pass(1_000);
    expect(driver.take().map(text)).toEqual(['b']);
    driver.partitions = () => Promise.reject(away());
  });

  test('is asked for no more when nobody waits', async () => {
    const { driver, write, clock } = open();
    driver.partitions = () => Promise.reject(away());
    const controller = new AbortController();
    void write('a', { signal: controller.signal });
    await settle();
    controller.abort();
    await clock.pass(1_000);
    expect(clock.timers).toBe(0);
  });

  test('whose question fails with no Error fails its records', async () => {
    const { driver, write, fates } = open();
    driver.partitions = () => Promise.reject('no');
    void write('a');
    await settle();
    expect(fates).toMatchObject([{ cause: { message: 'no', cause: 'no' } }]);
  });
});

describe('the queue', () => {
  const small = { queue: { max: 3 } };

  test('refuses what is too many, those in flight included', async () => {
    const { driver, write, producer } = open(small);
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
    const { write, producer } = open({ maxBatchBytes: 100, queue: { maxBytes: 200 } });
    void write('x'.repeat(64));
    void write('x'.repeat(63));
    await expect(write('xx')).rejects.toMatchObject({ code: 'ERR_MESSAGING_QUEUE_FULL' });
    expect(producer.stats().bytes).toBe(199);
  });

  const patient = { queue: { max: 2, whenFull: 'wait' } } as const;

  test('lets callers wait for room, first come, first served', async () => {
    const { driver, write, producer } = open(patient);
    for (const value of ['a', 'b', 'c', 'd', 'e']) void write(value, { partition: 0 });
    await settle();
    expect(producer.stats()).toMatchObject({ accepted: 5, queued: 2, waitingForRoom: 3 });
    expect(driver.take().map(text)).toEqual(['a', 'b']);
    driver.taken[0]?.written(0);
    void write('f', { partition: 0 });
    expect(producer.stats()).toMatchObject({ queued: 1, waitingForRoom: 3 });
    for (let i = 1; i < 6; i += 1) {
      await settle();
      driver.take();
      driver.taken[i]?.written(i);
    }
    expect(driver.taken.map(text)).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(producer.stats()).toMatchObject({ written: 6, waitingForRoom: 0, bytes: 0 });
  });

  test('nobody goes past one who waits, not even with a smaller record', async () => {
    const { driver, write, producer } = open({
      ...{ maxBatchBytes: 100, queue: { maxBytes: 150, whenFull: 'wait' } },
    });
    void write('x'.repeat(30), { partition: 0 });
    void write('y'.repeat(64), { partition: 0 });
    void write('z', { partition: 0 });
    expect(producer.stats()).toMatchObject({ waitingForRoom: 2 });
    await settle();
    for (const one of driver.take()) one.written(0);
    await settle();
    expect(driver.take().map((one) => text(one)[0])).toEqual(['y', 'z']);
  });

  test('who waits for room may leave, and is given up in time', async () => {
    const { driver, write, fates, clock, producer } = open({ ...patient, deliveryTimeoutMs: 100 });
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
    const { driver, write, producer } = open({ queue: { max: 1, whenFull: 'wait' } });
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
    const { driver, write } = open();
    void write('a', { partition: 0 });
    await Promise.resolve();
    void write('b', { partition: 0 });
    process.nextTick(() => void write('c', { partition: 0 }));
    expect(driver.offers).toEqual([]);
    await turn();
    expect(driver.offers.length).toBe(1);
    expect(driver.take().map(text)).toEqual(['a', 'b', 'c']);
  });

  test('takes so many bytes at most, but at least one record', async () => {
    const { driver, write } = open();
    for (const length of [64, 14, 14, 64]) void write('x'.repeat(length), { partition: 0 });
    await turn();
    const sizes = [1, 100, 100, 100].map((maxBytes) => driver.take(maxBytes).length);
    expect(sizes).toEqual([1, 2, 1, 0]);
  });

  test('leaves a rest that is offered again', async () => {
    const { driver, write } = open({ lingerMs: 1_000, maxBatchBytes: 100 });
    for (let i = 0; i < 3; i += 1) void write('x'.repeat(14), { partition: 0 });
    await turn();
    expect(driver.take(50).length).toBe(1);
    driver.offers.length = 0;
    await turn();
    expect(driver.take().length).toBe(2);
  });

  test('waits lingerMs for company', async () => {
    const { driver, write, clock } = open({ lingerMs: 10 });
    void write('a', { partition: 0 });
    await settle();
    clock.advance(9);
    void write('b', { partition: 0 });
    await settle();
    expect(driver.offers).toEqual([]);
    clock.advance(1);
    expect(driver.take().map(text)).toEqual(['a', 'b']);
    void write('c', { partition: 0 });
    await settle();
    expect(driver.offers.length).toBe(1);
    clock.advance(10);
    expect(driver.take().map(text)).toEqual(['c']);
  });

  test('that is full does not linger', async () => {
    const { driver, write } = open({ lingerMs: 10, maxBatchBytes: 100 });
    void write('a', { partition: 0 });
    void write('x'.repeat(64), { partition: 1 });
    await turn();
    expect(driver.offers.map(({ partition }) => partition)).toEqual([1]);
  });

  test('is not offered when everything in it was taken back', async () => {
    const { driver, write } = open();
    const controller = new AbortController();
    void write('a', { signal: controller.signal });
    controller.abort();
    await settle();
    expect(driver.offers).toEqual([]);
  });

  test('belongs to the async context of no caller', async () => {
    const { driver, write } = open();
    const request = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    driver.onOffer = () => seen.push(request.getStore());
    request.run('first', () => void write('a', { partition: 0 }));
    await settle();
    expect(seen).toEqual([undefined]);
  });
});

describe('the time of delivery', () => {
  test('ends wherever a record waits here, which is then not written', async () => {
    const { driver, write, fates, clock, producer } = open({ deliveryTimeoutMs: 100 });
    void write('a', { partition: 0 });
    await settle();
    clock.advance(60);
    void write('b', { partition: 1 });
    await settle();
    clock.advance(40);
    await settle();
    expect(fates).toMatchObject([{ partition: 0, maybeWritten: false }, undefined]);
    expect(String(fates[0])).toContain('was not delivered within 100 ms');
    expect(driver.take().map(text)).toEqual(['b']);
    clock.advance(100);
    await settle();
    expect(producer.stats()).toMatchObject({ failed: 1, inFlight: 1 });
  });

  test('is told to the driver, which looks after what it has', async () => {
    const { driver, write, clock } = open({ deliveryTimeoutMs: 100 });
    clock.advance(5);
    void write('a');
    await settle();
    expect(driver.take()[0]?.deadlineMs).toBe(105);
    expect(clock.timers).toBe(0);
  });

  test('takes no timer as long as the driver takes at once', async () => {
    const { driver, write, clock } = open();
    driver.onOffer = () => driver.take();
    for (let i = 0; i < 5; i += 1) void write('a');
    await settle();
    expect(clock.timers).toBe(0);
  });
});

describe('a signal', () => {
  test('that has aborted already lets nothing in', async () => {
    const { write, producer } = open();
    await expect(write('a', { signal: AbortSignal.abort('no') })).rejects.toBe('no');
    expect(producer.stats()).toMatchObject({ accepted: 0 });
  });

  test('takes a record back that waits, and room is free again', async () => {
    const { driver, write, fates, producer } = open({ queue: { max: 2 } });
    const controller = new AbortController();
    void write('a', { partition: 0, signal: controller.signal });
    void write('b', { partition: 0 });
    controller.abort('gone');
    void write('c', { partition: 0 });
    await settle();
    expect(fates[0]).toBe('gone');
    expect(driver.take().map(text)).toEqual(['b', 'c']);
    expect(producer.stats()).toMatchObject({ aborted: 1, accepted: 3, inFlight: 2 });
  });

  test('only detaches the caller of a record in flight', async () => {
    const { driver, write, fates, producer } = open();
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
    const { driver, write } = open();
    const { signal } = new AbortController();
    const sent = Array.from({ length: 100_000 }, () => write('a', { signal, partition: 0 }));
    expect(getEventListeners(signal, 'abort').length).toBe(1);
    await settle();
    for (const one of driver.take()) one.written(0);
    await Promise.all(sent);
    expect(getEventListeners(signal, 'abort').length).toBe(0);
  });

  test('that aborts a hundred thousand records leaves nothing behind', async () => {
    const { write, producer } = open({ queue: { max: 50_000, whenFull: 'wait' } });
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
    const { driver, write, producer } = open({ lingerMs: 1_000 });
    void write('a', { partition: 0 });
    let isDone = false;
    const flushed = producer.flush().then(() => {
      isDone = true;
    });
    void write('b', { partition: 1 });
    expect(driver.offers.map(({ partition }) => partition)).toEqual([0]);
    await settle();
    expect(isDone).toBe(false);
    driver.take()[0]?.failed(away(), false);
    await flushed;
    expect(producer.stats()).toMatchObject({ queued: 1 });
  });

  test('waits for those before an earlier flush as well', async () => {
    const { driver, write, producer } = open();
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
    const { driver, write, producer } = open();
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
    const { producer } = open();
    expect(await producer.flush()).toBeUndefined();
  });
});

describe('close', () => {
  test('delivers what was accepted and takes nothing more', async () => {
    const { driver, write, producer, fates } = open({ lingerMs: 1_000 });
    void write('a', { partition: 0 });
    const closed = producer.close(1_000);
    await expect(write('b')).rejects.toMatchObject({ code: 'ERR_MESSAGING_CLOSED' });
    driver.take()[0]?.written(3);
    await closed;
    expect(fates[0]).toEqual({ partition: 0, offset: 3 });
    expect(producer.close(0)).toBe(producer.close(5));
  });

  test('fails the rest when its time is over, and says what may be written', async () => {
    const { driver, write, producer, fates, clock } = open({
      ...{ queue: { max: 4, whenFull: 'wait' } },
    });
    driver.partitions = (topic) => (topic === 't' ? 1 : new Promise(() => undefined));
    for (const value of ['silent', 'lost', 'queued']) void write(value);
    const unplaced = producer.write('u', record('v')).catch((reason: unknown) => reason);
    void write('waiting');
    await settle();
    const [, lost] = driver.take(82);
    driver.onClose = async () => lost?.failed(away(), true);
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
    const { driver, write, producer, fates, clock } = open();
    driver.onClose = () => {
      if (how === 'fails') throw away();
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
    const { driver, write, producer, clock } = open();
    let signal: AbortSignal | undefined;
    driver.partitions = (_, given) => {
      signal = given;
      return Promise.reject(away());
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
    const { driver, write, producer } = open();
    driver.onOffer = () => driver.take();
    void write('a');
    await settle();
    expect(producer.troubles()).toEqual([]);
    driver.taken[0]?.failed(away(), false);
    expect(producer.troubles()).toEqual([
      expect.stringMatching(/^the last delivery failed: .*the cluster is away$/),
    ]);
    void write('b');
    await settle();
    driver.taken[1]?.written(0);
    expect(producer.troubles()).toEqual([]);
  });

  test('tell of records that wait for long, here and in the driver', async () => {
    const { driver, write, producer, clock } = open();
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
    const { write, producer, clock } = open({ deliveryTimeoutMs: 10, queue: { max: 1 } });
    void write('a');
    expect(producer.troubles()).toEqual(['the queue is full: 1 messages, 37 bytes']);
    await settle();
    clock.advance(10);
    expect(producer.troubles()).toEqual([expect.stringContaining('not delivered within 10 ms')]);
  });
});
