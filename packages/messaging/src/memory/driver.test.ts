import { expect, onTestFinished, test } from 'vitest';
import { DriverError, UnknownTopicError } from '../errors.ts';
import { Member } from '../testing/contract/member.ts';
import { TestQueue } from '../testing/contract/test-queue.ts';
import { bytes, numbered, record, texts } from '../testing/contract/world.ts';
import { manualClock } from '../testing/manual-clock.ts';
import { type MemoryBroker, memoryBroker } from './broker.ts';
import { memory } from './driver.ts';
import type { MemoryBrokerOptions } from './options.ts';

const place = { topic: 't', partition: 0 };

async function setUp(options: MemoryBrokerOptions = {}) {
  const clock = manualClock();
  const broker = memoryBroker({ clock, ...options });
  const driver = memory({ broker });
  const created = driver.admin.create({ name: 't', partitions: 2, config: {} });
  await clock.pass(20);
  await created;
  const producer = driver.producer({ compression: 'none', maxBatchBytes: 1_000_000 });
  const queue = new TestQueue(place);
  const write = (text: string, deadlineMs = 10_000) => {
    const answer = queue.add(record({ value: bytes(text) }), clock.now() + deadlineMs);
    producer.offer(queue);
    return answer;
  };
  const join = (group: string, from = driver) => {
    const consumer = from.consumer({
      group,
      topics: ['t'],
      from: 'earliest',
      sessionTimeoutMs: 300,
      rebalanceTimeoutMs: 1_000,
    });
    const member = new Member(consumer);
    member.run();
    onTestFinished(async () => {
      const stopped = member.stop();
      await clock.pass(5_000);
      if (from === driver) await stopped;
      expect(member.violations).toEqual([]);
    });
    return member;
  };
  return { clock, broker, driver, producer, queue, write, join };
}

const stored = (broker: MemoryBroker) => texts(broker.log(place));

test('writes once when the answer is lost, and says late but truly where', async () => {
  const { clock, broker, write } = await setUp();
  broker.dropResponses({ api: 'produce', times: 3 });
  const answers = [write('a'), write('b')];
  await clock.pass(10);
  expect(stored(broker)).toEqual(['a', 'b']);
  await clock.pass(200);
  expect(await Promise.all(answers)).toEqual([
    { kind: 'written', offset: 0 },
    { kind: 'written', offset: 1 },
  ]);
  expect(stored(broker)).toEqual(['a', 'b']);
});

test('says that a record may be written when its answer was lost until the deadline', async () => {
  const { clock, broker, write } = await setUp();
  const end = broker.dropResponses({ api: 'produce' });
  const lost = write('a', 100);
  await clock.pass(500);
  expect(await lost).toMatchObject({ kind: 'failed', maybeWritten: true });
  end();
  const next = write('b');
  await clock.pass(10);
  expect(await next).toEqual({ kind: 'written', offset: 1 });
  expect(stored(broker)).toEqual(['a', 'b']);
});

test('says that a record may be written although the last attempts were refused', async () => {
  const { clock, broker, write } = await setUp();
  broker.dropResponses({ api: 'produce', times: 1 });
  broker.refuse({ api: 'produce', when: () => broker.log(place).length > 0 });
  const answer = write('a', 500);
  await clock.pass(3_000);
  expect(await answer).toMatchObject({ kind: 'failed', maybeWritten: true });
  expect(stored(broker)).toEqual(['a']);
});

test('a batch that may be there stays as it was, whoever of it is given up', async () => {
  const { clock, broker, write } = await setUp();
  broker.dropResponses({ api: 'produce', times: 3 });
  const [first, second] = [write('a', 10), write('b')];
  await clock.pass(3_000);
  expect(await first).toMatchObject({ kind: 'failed', maybeWritten: true });
  expect(await second).toEqual({ kind: 'written', offset: 1 });
  expect(stored(broker)).toEqual(['a', 'b']);
});

test('writes batch after batch, each behind the one before', async () => {
  const { clock, broker, write } = await setUp();
  for (let batch = 0; batch < 8; batch += 1) {
    for (const text of numbered(3, `${batch}:`)) void write(text);
    await clock.pass(10);
  }
  expect(stored(broker)).toHaveLength(24);
  expect(stored(broker).slice(-3)).toEqual(['7:0', '7:1', '7:2']);
});

test('writes after a request that was lost', async () => {
  const { clock, broker, write } = await setUp();
  broker.dropRequests({ api: 'produce', partition: 0, times: 1 });
  const answer = write('a');
  await clock.pass(5);
  expect(stored(broker)).toEqual([]);
  await clock.pass(50);
  expect(await answer).toEqual({ kind: 'written', offset: 0 });
});

test('refuses the copy of a batch that comes after it was given up', async () => {
  const { clock, broker, write } = await setUp();
  broker.delay(20_000, { api: 'produce', times: 1 });
  const late = write('late', 1_000);
  await clock.pass(6_000);
  expect(await late).toMatchObject({ kind: 'failed', maybeWritten: true });
  const next = write('next');
  await clock.pass(100);
  expect(await next).toMatchObject({ kind: 'written' });
  await clock.pass(20_000);
  expect(stored(broker)).toEqual(['next']);
});

test('a topic that is not writable keeps its records waiting, and fails them as not written', async () => {
  const { clock, broker, write } = await setUp();
  const end = broker.refuse({ api: 'produce', topic: 't' });
  const given = write('given up', 500);
  const kept = write('kept', 60_000);
  await clock.pass(3_000);
  expect(await given).toMatchObject({ kind: 'failed', maybeWritten: false });
  end();
  await clock.pass(2_000);
  expect(await kept).toEqual({ kind: 'written', offset: 0 });
  expect(stored(broker)).toEqual(['kept']);
});

test('a fault meets only the requests that its filter names', async () => {
  const { clock, broker, write } = await setUp();
  broker.refuse({ topic: 'other' });
  broker.refuse({ partition: 1 });
  broker.refuse({ group: 'g' });
  broker.refuse({ when: ({ api }) => api === 'fetch' });
  const answer = write('a');
  await clock.pass(10);
  expect(await answer).toEqual({ kind: 'written', offset: 0 });
});

test('refuses with the error that it is given', async () => {
  const { clock, broker, write } = await setUp();
  const error = new DriverError('for good', { isRetriable: false });
  broker.refuse({ api: 'produce' }, error);
  const answer = write('a');
  await clock.pass(10);
  expect(await answer).toMatchObject({ kind: 'failed', cause: error, maybeWritten: false });
});

test('a consumer survives an outage that is shorter than its session', async () => {
  const { clock, broker, write, join } = await setUp();
  const member = join('g');
  await clock.pass(10);
  broker.down();
  await clock.pass(150);
  broker.up();
  const answer = write('a');
  await clock.pass(500);
  expect(await answer).toMatchObject({ kind: 'written' });
  expect(member.read).toHaveLength(1);
  expect(member.events).toEqual(['assigned', 'records']);
  expect(member.troubles[0]).toBeInstanceOf(DriverError);
});

test('a consumer gives up when the broker is away for longer than its session', async () => {
  const { clock, broker, join } = await setUp();
  const member = join('g');
  await clock.pass(10);
  broker.down();
  await clock.pass(1_000);
  expect(member.events).toEqual(['assigned', 'lost']);
  expect(member.failure).toMatchObject({ code: 'ERR_MESSAGING_DRIVER', isRetriable: true });
});

test('a member that was evicted loses what it has, and comes back as another', async () => {
  const { clock, broker, join } = await setUp();
  const member = join('g');
  await clock.pass(10);
  const [id] = broker.members('g');
  broker.evict('g', id);
  await clock.pass(200);
  expect(member.events).toEqual(['assigned', 'lost', 'assigned']);
  expect(broker.members('g')).toHaveLength(1);
  expect(broker.members('g')).not.toEqual([id]);
  const late = member.consumer.commit(1, [{ ...place, offset: 0 }]);
  late.catch(() => undefined);
  await clock.pass(10);
  await expect(late).rejects.toMatchObject({ isStale: true });
});

test('evicts all members when none is named', async () => {
  const { clock, broker, join } = await setUp();
  const members = [join('g'), join('g')];
  await clock.pass(400);
  broker.evict('g');
  expect(broker.members('g')).toEqual([]);
  await clock.pass(400);
  expect(members.map(({ partitions }) => partitions.length)).toEqual([1, 1]);
});

test('rebalances when it is told to, and loses nothing by that', async () => {
  const { clock, broker, join } = await setUp();
  const member = join('g');
  await clock.pass(10);
  broker.rebalance('g');
  broker.rebalance('no such group');
  await clock.pass(10);
  expect(member.events).toEqual(['assigned', 'revoking', 'assigned']);
  expect(member.epoch).toBe(2);
});

test('a member that gives up too slowly loses what it has', async () => {
  const { clock, broker, join } = await setUp();
  const member = join('g');
  const gate = Promise.withResolvers<void>();
  member.onRevoking = () => gate.promise;
  await clock.pass(10);
  broker.rebalance('g');
  await clock.pass(990);
  expect(member.events).toEqual(['assigned', 'revoking']);
  await clock.pass(100);
  expect(member.events.slice(2)).toEqual(['lost', 'assigned']);
  member.onRevoking = async () => undefined;
  gate.resolve();
  await clock.pass(100);
  expect(member.partitions).toEqual([0, 1]);
});

test('who was killed hears nothing, and its partitions go when its session ends', async () => {
  const { clock, broker, write, join } = await setUp();
  const doomed = memory({ broker });
  const member = join('g', doomed);
  await clock.pass(10);
  doomed.kill();
  const other = join('g');
  void write('a');
  await clock.pass(200);
  expect(other.partitions).toEqual([]);
  await clock.pass(1_000);
  expect(other.partitions).toEqual([0, 1]);
  expect(other.read).toHaveLength(1);
  expect(member.events).toEqual(['assigned']);
  expect(member.hasEnded).toBe(false);
});

test('a fetch that fails for good ends the consumer, which says so', async () => {
  const { clock, broker, join } = await setUp();
  const member = join('g');
  await clock.pass(10);
  const error = new DriverError('unknown codec', { isRetriable: false });
  broker.refuse({ api: 'fetch', times: 1 }, error);
  await clock.pass(6_000);
  expect(member.events).toEqual(['assigned', 'lost']);
  expect(member.failure).toBe(error);
  expect(broker.members('g')).toEqual([]);
});

test('a consumer goes on behind gaps, and at the first record when its place is forgotten', async () => {
  const { clock, broker, write, join } = await setUp({ retention: { records: 3 } });
  broker.skipOffsets(place, 5);
  const member = join('g');
  await clock.pass(10);
  void write('a');
  await clock.pass(10);
  member.consumer.pause([place]);
  for (const text of numbered(10)) void write(text);
  await clock.pass(10);
  member.consumer.resume([place]);
  await clock.pass(10);
  expect(member.recordsOf(0).map(({ offset }) => offset)).toEqual([5, 13, 14, 15]);
});

test('a consumer whose place is beyond the end begins again', async () => {
  const { clock, driver, write, join } = await setUp();
  const answer = write('a');
  const committed = driver.admin.setCommitted('g', [{ ...place, offset: 100 }]);
  await clock.pass(100);
  await Promise.all([answer, committed]);
  const member = join('g');
  await clock.pass(100);
  expect(member.read).toHaveLength(1);
});

test('a topic that is deleted ends its consumers and fails its writers', async () => {
  const { clock, broker, producer, write, join } = await setUp();
  const member = join('g');
  await clock.pass(10);
  broker.deleteTopic('t');
  const answer = write('a');
  await clock.pass(500);
  expect(await answer).toMatchObject({ kind: 'failed', maybeWritten: false });
  expect(member.failure).toBeInstanceOf(UnknownTopicError);
  const asked = Promise.resolve(producer.partitionsOf('t'));
  asked.catch(() => undefined);
  await clock.pass(10);
  await expect(asked).rejects.toThrow(UnknownTopicError);
});

test('a producer hears of new partitions within a second or so', async () => {
  const { clock, driver, producer } = await setUp();
  const ask = async () => {
    const count = Promise.resolve(producer.partitionsOf('t'));
    await clock.pass(10);
    return count;
  };
  expect(await ask()).toBe(2);
  void driver.admin.raisePartitions('t', 3);
  await clock.pass(1_001);
  await ask();
  expect(await ask()).toBe(3);
});

test('believes a number of partitions while the broker is away', async () => {
  const { clock, broker, producer } = await setUp();
  void producer.partitionsOf('t');
  await clock.pass(10);
  broker.down();
  await clock.pass(2_000);
  expect(producer.partitionsOf('t')).toBe(2);
  await clock.pass(10);
  expect(producer.partitionsOf('t')).toBe(2);
});

test('takes the time on the way that it is told to take', async () => {
  const { clock, broker, write } = await setUp({ latencyMs: 5 });
  const answers: unknown[] = [];
  void write('a').then((answer) => answers.push(answer));
  await clock.pass(9);
  expect([stored(broker).length, answers.length]).toEqual([1, 0]);
  await clock.pass(1);
  expect(answers).toHaveLength(1);
});

test('cuts what is under way when the broker goes away', async () => {
  const { clock, broker, write } = await setUp({ latencyMs: 5 });
  const answers: unknown[] = [];
  void write('a').then((answer) => answers.push(answer));
  await clock.pass(7);
  broker.down();
  await clock.pass(50);
  expect([stored(broker), answers]).toEqual([['a'], []]);
  broker.up();
  await clock.pass(500);
  expect([stored(broker), answers]).toEqual([['a'], [{ kind: 'written', offset: 0 }]]);
});

test('counts what it holds', async () => {
  const { clock, broker, write, join } = await setUp();
  void write('four');
  join('g');
  await clock.pass(10);
  expect(broker.stats()).toEqual({
    topics: 1,
    partitions: 2,
    records: 1,
    bytes: 16,
    groups: 1,
    members: 1,
  });
});

test('leaves no timer behind when all is stopped', async () => {
  const { clock, join } = await setUp();
  const member = join('g');
  await clock.pass(10);
  const stopped = member.stop();
  await clock.pass(10);
  await stopped;
  expect(clock.timers).toBe(0);
});
