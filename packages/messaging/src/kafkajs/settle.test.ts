import { expect, test } from 'vitest';
import type { PendingRecord } from '../driver.ts';
import { DriverError } from '../errors.ts';
import { Flight } from './flight.ts';
import { Lane } from './lane.ts';
import { settle } from './settle.ts';

const at = { topic: 't', partition: 0 };

/** A batch of two records that is on its way, and what becomes of it. */
async function setUp() {
  const told: string[] = [];
  const waiting = ['a', 'b'].map(
    (name): PendingRecord => ({
      ...{ key: null, value: null, headers: [], timestamp: 0, bytes: 100 },
      deadlineMs: Number.POSITIVE_INFINITY,
      written: (offset) => told.push(`${name} at ${offset}`),
      failed: ({ message }, maybeWritten) =>
        told.push(`${name} ${message}${maybeWritten ? ', maybe written' : ''}`),
    }),
  );
  const lane = new Lane({ ...at, take: () => waiting.splice(0) });
  const sequence = async () => {
    const batch = lane.next(1_000);
    if (!batch) return undefined;
    const { epoch, first } = await lane.sequenceFor(batch, async () => ({
      producerId: 1n,
      epoch: 0,
    }));
    return { epoch, first, records: batch.records.length };
  };
  await sequence();
  return { lane, told, sequence };
}

function answered(errorCode: number, baseOffset = -1): Flight {
  const flight = new Flight();
  flight.left([at]);
  flight.landed({ ...at, errorCode, baseOffset });
  return flight;
}

function unanswered(cause: unknown, hasLeft: boolean): Flight {
  const flight = new Flight();
  if (hasLeft) flight.left([at]);
  flight.failed(cause);
  return flight;
}

const court = { nowMs: 1_000, errorOf: (code: number) => new Error(`code ${code}`) };
const open = { ...court, closed: undefined };
const same = { epoch: 0, first: 0, records: 2 };

test.each([
  [0, 7, ['a at 7', 'b at 8']],
  // Written by an attempt before, and the broker no longer knows where.
  [46, -1, ['a at undefined', 'b at undefined']],
])('code %i: it is written', async (code, baseOffset, expected) => {
  const { lane, told } = await setUp();
  expect(settle(lane, answered(code, baseOffset), open)).toBe(false);
  expect(told).toEqual(expected);
});

const beforeAppending = [2, 5, 8, 9, 19, 74, 75, 89];
const perhapsAfter = [-1, 3, 6, 7, 13, 20, 56];

test.each([...beforeAppending, ...perhapsAfter])(
  'code %i: the same batch goes again, with the same sequence, after a while',
  async (code) => {
    const { lane, told, sequence } = await setUp();
    expect(settle(lane, answered(code), open)).toBe(true);
    expect(told).toEqual([]);
    expect(await sequence()).toEqual(same);
    expect(lane.head?.isMaybeWritten).toBe(perhapsAfter.includes(code));
    expect(lane.notBeforeMs).toBe(1_050);
  },
);

test('waits longer from attempt to attempt, up to a second', async () => {
  const { lane } = await setUp();
  const waits = Array.from({ length: 7 }, () => {
    settle(lane, answered(6), open);
    return lane.notBeforeMs - 1_000;
  });
  expect(waits).toEqual([50, 100, 200, 400, 800, 1_000, 1_000]);
});

test.each([45, 47, 59])(
  'code %i: what is surely not written goes again in the next epoch',
  async (code) => {
    const { lane, told, sequence } = await setUp();
    settle(lane, answered(code), open);
    expect(told).toEqual([]);
    expect(await sequence()).toEqual({ ...same, epoch: 1 });
  },
);

test.each([45, 47, 59])('code %i: what may be written is given up', async (code) => {
  const { lane, told } = await setUp();
  settle(lane, unanswered(new Error('cut'), true), open);
  settle(lane, answered(code), open);
  expect(told).toEqual([`a code ${code}, maybe written`, `b code ${code}, maybe written`]);
});

test.each([10, 18])('code %i: what is too large goes in halves', async (code) => {
  const { lane, told, sequence } = await setUp();
  settle(lane, answered(code), open);
  expect(await sequence()).toEqual({ ...same, records: 1 });
  expect(lane.notBeforeMs).toBe(0);
  settle(lane, answered(code), open);
  expect(told).toEqual([`a code ${code}`]);
});

test.each([17, 29, 32, 44, 87])('code %i: it is refused, and surely not written', async (code) => {
  const { lane, told } = await setUp();
  settle(lane, answered(code), open);
  expect(told).toEqual([`a code ${code}`, `b code ${code}`]);
});

test.each([88, 250, -7])('code %i, which means nothing to us: it may be written', async (code) => {
  const { lane, told } = await setUp();
  settle(lane, answered(code), open);
  expect(told).toEqual([`a code ${code}, maybe written`, `b code ${code}, maybe written`]);
});

test('without an answer it goes again, and counts as written only if it has left', async () => {
  const { lane, told, sequence } = await setUp();
  settle(lane, unanswered(new Error('no connection'), false), open);
  expect(lane.head?.isMaybeWritten).toBe(false);
  settle(lane, unanswered(new Error('cut'), true), open);
  expect(lane.head?.isMaybeWritten).toBe(true);
  expect(await sequence()).toEqual(same);
  expect(told).toEqual([]);
});

test.each([
  new DriverError('wrong password', { isRetriable: false }),
  new TypeError('wrong password'),
])('without an answer and for good, it fails: %s', async (cause) => {
  const { lane, told } = await setUp();
  settle(lane, unanswered(cause, false), open);
  expect(told).toEqual(['a wrong password', 'b wrong password']);
});

test('nothing goes again once the producer is closed', async () => {
  const { lane, told } = await setUp();
  settle(lane, answered(6), { ...court, closed: new Error('closed') });
  expect(told).toEqual(['a closed, maybe written', 'b closed, maybe written']);
});
