import { expect, test } from 'vitest';
import { bytes, numbered, record } from '../testing/contract/world.ts';
import { manualClock } from '../testing/manual-clock.ts';
import { Fence } from './fence.ts';
import { RelayQueue } from './relay-queue.ts';

const place = { topic: 't', partition: 0 };

function setUp(count: number) {
  const rows = numbered(count).map((id) => ({
    sequence: id,
    id,
    topic: 't',
    record: record({ value: bytes('x'.repeat(100)) }),
  }));
  const clock = manualClock();
  const lead = { leadsUntilMs: 5_000 };
  const queue = new RelayQueue(place, rows, new Fence(clock, lead, 30_000));
  const state = { isDone: false };
  void queue.done.then(() => {
    state.isDone = true;
  });
  const sent = () => queue.sent.map(({ id }) => id);
  const isDone = async () => {
    await Promise.resolve();
    return state.isDone;
  };
  return { clock, lead, queue, sent, isDone };
}

test('gives its rows in order, no more bytes than asked for and at least one', () => {
  const { queue } = setUp(5);
  const [first] = queue.take(1);
  const each = first?.bytes ?? 0;
  expect(queue.take(each * 2 + 1)).toHaveLength(2);
  expect(queue.take(each * 10)).toHaveLength(2);
  expect(queue.take(each * 10)).toHaveLength(0);
});

test('is done when every row has its answer', async () => {
  const { queue, sent, isDone } = setUp(2);
  const [one, other] = queue.take(1_000);
  one?.written(0);
  expect(await isDone()).toBe(false);
  other?.written(undefined);
  expect(await isDone()).toBe(true);
  expect(sent()).toEqual(['0', '1']);
  expect(queue.failure).toBeUndefined();
});

test('gives nothing after a row that failed, and is done when what is under way is', async () => {
  const { queue, sent, isDone } = setUp(5);
  const [one, other] = queue.take(300);
  const no = new Error('no');
  other?.failed(no, true);
  expect(queue.take(1_000)).toEqual([]);
  expect(await isDone()).toBe(false);
  one?.written(0);
  expect(await isDone()).toBe(true);
  expect(sent()).toEqual(['0']);
  expect(queue.failure).toBe(no);
});

test('keeps back what was not taken when it is stopped', async () => {
  const { queue, isDone } = setUp(3);
  const [one] = queue.take(1);
  const late = new Error('late');
  queue.stop(late);
  expect(queue.take(1_000)).toEqual([]);
  expect(await isDone()).toBe(false);
  one?.written(0);
  expect(await isDone()).toBe(true);
  expect(queue.failure).toBe(late);
});

test('is no failure when it is stopped after everything was taken', async () => {
  const { queue, isDone } = setUp(1);
  const [one] = queue.take(1_000);
  queue.stop(new Error('late'));
  one?.written(0);
  expect(await isDone()).toBe(true);
  expect(queue.failure).toBeUndefined();
});

test('gives nothing when it is not sure any more that the relay leads', async () => {
  const { clock, queue, sent, isDone } = setUp(3);
  const [one] = queue.take(1);
  clock.advance(5_000);
  expect(queue.take(1_000)).toEqual([]);
  expect(await isDone()).toBe(false);
  one?.written(0);
  expect(await isDone()).toBe(true);
  expect(sent()).toEqual(['0']);
  expect(queue.failure?.message).toBe('it is not sure any more that this relay leads');
});

test('what was taken is tried for as long as the relay leads, and no longer than a batch may take', () => {
  const { lead, queue } = setUp(1);
  const [one] = queue.take(1);
  expect(one?.deadlineMs).toBe(5_000);
  lead.leadsUntilMs = 29_000;
  expect(one?.deadlineMs).toBe(29_000);
  lead.leadsUntilMs = 60_000;
  expect(one?.deadlineMs).toBe(30_000);
});
