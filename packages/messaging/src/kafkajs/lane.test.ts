import { describe, expect, test } from 'vitest';
import type { PendingRecord } from '../driver.ts';
import { type Identity, Lane } from './lane.ts';

/** A lane, and what became of the records that were written through it. */
function laneOf(deadlines: readonly number[]) {
  const told: string[] = [];
  const waiting = deadlines.map(
    (deadlineMs, i): PendingRecord => ({
      key: null,
      value: Buffer.from(`${i}`),
      headers: [],
      timestamp: 0,
      bytes: 100,
      deadlineMs,
      written: (offset) => told.push(`${i} at ${offset}`),
      failed: ({ message }, maybeWritten) => told.push(`${i} ${message}${maybeWritten ? '?' : ''}`),
    }),
  );
  const lane = new Lane({
    topic: 't',
    partition: 0,
    take: (maxBytes) => waiting.splice(0, Math.floor(maxBytes / 100)),
  });
  return { lane, told };
}

const late = Number.POSITIVE_INFINITY;
const ids = { asked: [] as (bigint | undefined)[] };
const fresh = async (used: bigint | undefined): Promise<Identity> => {
  ids.asked.push(used);
  return { producerId: (used ?? 0n) + 1n, epoch: 0 };
};

async function sequenceOfNext(lane: Lane, maxBytes = 1_000) {
  const batch = lane.next(maxBytes);
  if (!batch) throw new Error('nothing waits');
  const { producerId, epoch, first } = await lane.sequenceFor(batch, fresh);
  return [producerId, epoch, first];
}

describe('the sequence of a partition', () => {
  test('counts what was written, and nothing else', async () => {
    const { lane, told } = laneOf([late, late, late]);
    expect(await sequenceOfNext(lane, 200)).toEqual([1n, 0, 0]);
    lane.written(40);
    expect(told).toEqual(['0 at 40', '1 at 41']);
    expect(await sequenceOfNext(lane)).toEqual([1n, 0, 2]);
  });

  test('stays the same for a batch until it is answered, however often it is sent', async () => {
    const { lane } = laneOf([late]);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(await sequenceOfNext(lane)).toEqual([1n, 0, 0]);
      if (lane.head) lane.head.isMaybeWritten = true;
    }
  });

  test('begins a new epoch after a batch that is given up and may be there', async () => {
    const { lane, told } = laneOf([late, late]);
    await sequenceOfNext(lane, 100);
    if (lane.head) lane.head.isMaybeWritten = true;
    lane.giveUp(new Error('given up'));
    expect(told).toEqual(['0 given up?']);
    expect(await sequenceOfNext(lane)).toEqual([1n, 1, 0]);
  });

  test('goes on after a batch that is given up and surely not there', async () => {
    const { lane, told } = laneOf([late, late, late]);
    await sequenceOfNext(lane, 100);
    lane.written(0);
    await sequenceOfNext(lane, 100);
    lane.giveUp(new Error('refused'));
    expect(told).toEqual(['0 at 0', '1 refused']);
    expect(await sequenceOfNext(lane)).toEqual([1n, 0, 1]);
  });

  test('gets another producer when all epochs of one are used', async () => {
    const { lane } = laneOf([late]);
    await sequenceOfNext(lane);
    for (let epoch = 0; epoch < 30_000; epoch += 1) lane.endEpoch();
    expect(await sequenceOfNext(lane)).toEqual([1n, 30_000, 0]);
    lane.endEpoch();
    expect(await sequenceOfNext(lane)).toEqual([2n, 0, 0]);
    expect(ids.asked.at(-1)).toBe(1n);
  });
});

describe('a batch that is too large', () => {
  test('goes in halves, in the same order', () => {
    const { lane, told } = laneOf([late, late, late]);
    lane.next(1_000);
    expect(lane.split()).toBe(true);
    lane.written(0);
    expect(lane.split()).toBe(true);
    lane.written(1);
    lane.written(2);
    expect(told).toEqual(['0 at 0', '1 at 1', '2 at 2']);
  });

  test('cannot be halved when it is one record', () => {
    const { lane } = laneOf([late]);
    lane.next(1_000);
    expect(lane.split()).toBe(false);
  });
});

describe('the time to write a record', () => {
  test('ends for each record alone while none can be there', async () => {
    const { lane, told } = laneOf([100, 200, 100]);
    await sequenceOfNext(lane);
    lane.expire(99);
    expect(told).toEqual([]);
    lane.expire(100);
    expect(told).toEqual(['0 not written in time', '2 not written in time']);
    lane.written(7);
    expect(told.at(-1)).toBe('1 at 7');
  });

  test('ends for all of a batch together once it may be there', async () => {
    const { lane, told } = laneOf([100, 200]);
    await sequenceOfNext(lane);
    if (lane.head) lane.head.isMaybeWritten = true;
    lane.expire(150);
    expect(told).toEqual([]);
    lane.expire(200);
    expect(told).toEqual(['0 not written in time?', '1 not written in time?']);
  });
});

test('an answer about an offset that the broker no longer knows is none', () => {
  const { lane, told } = laneOf([late]);
  lane.next(1_000);
  lane.written(undefined);
  expect(told).toEqual(['0 at undefined']);
});
