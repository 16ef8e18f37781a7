import { expect, test } from 'vitest';
import { bytes, numbered, record, texts } from '../testing/contract/world.ts';
import { manualClock } from '../testing/manual-clock.ts';
import { PartitionLog, type Retention } from './partition-log.ts';

const wide: Retention = { records: 1_000, bytes: 1_000_000, ms: 1_000_000 };

function setUp(retention: Partial<Retention> = {}) {
  const clock = manualClock();
  return { clock, log: new PartitionLog(clock, { ...wide, ...retention }) };
}

const batch = (...values: string[]) => values.map((value) => record({ value: bytes(value) }));
const all = (log: PartitionLog) => texts(log.read(0, 10_000, 1_000_000));
const id = (sequence: number, epoch = 0, producer = 1) => ({ producer, epoch, sequence });

test('writes a batch once, however often it comes, and says where it is', () => {
  const { log } = setUp();
  expect(log.append(batch('a', 'b'), id(0))).toBe(0);
  expect(log.append(batch('c'), id(2))).toBe(2);
  expect(log.append(batch('a', 'b'), id(0))).toBe(0);
  expect(log.append(batch('c'), id(2))).toBe(2);
  expect(all(log)).toEqual(['a', 'b', 'c']);
});

test('remembers as many batches of a producer as Kafka does', () => {
  const { log } = setUp();
  for (let i = 0; i < 6; i += 1) log.append(batch(`${i}`), id(i));
  expect(log.append(batch('1'), id(1))).toBe(1);
  expect(() => log.append(batch('0'), id(0))).toThrow('sequence 0 does not follow 5');
});

test('refuses a batch before which another is missing', () => {
  const { log } = setUp();
  log.append(batch('a'), id(0));
  expect(() => log.append(batch('c'), id(2))).toThrow('sequence 2 does not follow 0');
});

test('refuses the late copy of a batch that was given up', () => {
  const { log } = setUp();
  log.append(batch('a'), id(0));
  log.append(batch('c'), id(0, 1));
  expect(() => log.append(batch('b'), id(1))).toThrow('a later epoch');
  expect(all(log)).toEqual(['a', 'c']);
});

test('forgets the producer that wrote longest ago', () => {
  const { log } = setUp({ records: 10_000 });
  for (let producer = 1; producer <= 1_001; producer += 1)
    log.append(batch('x'), id(0, 0, producer));
  expect(log.append(batch('again'), id(0, 0, 1))).toBe(1_001);
  expect(log.append(batch('known'), id(0, 0, 1_001))).toBe(1_000);
});

test('keeps so many records', () => {
  const { log } = setUp({ records: 3 });
  for (const [i, value] of numbered(10).entries()) log.append(batch(value), id(i));
  expect([log.start, log.end]).toEqual([7, 10]);
  expect(all(log)).toEqual(['7', '8', '9']);
  expect(log.size.records).toBe(3);
});

test('keeps so many bytes', () => {
  const { log } = setUp({ bytes: 60 });
  for (const [i, value] of numbered(10).entries()) log.append(batch(value.padEnd(18)), id(i));
  expect([log.start, log.end]).toEqual([8, 10]);
  expect(log.size).toEqual({ records: 2, bytes: 60 });
});

test('keeps records so long', () => {
  const { clock, log } = setUp({ ms: 100 });
  log.append(batch('a'), id(0));
  clock.advance(60);
  log.append(batch('b'), id(1));
  clock.advance(60);
  expect(all(log)).toEqual(['b']);
  clock.advance(60);
  expect([log.start, log.end]).toEqual([2, 2]);
});

test('reads at least one record and no more than asked for', () => {
  const { log } = setUp();
  log.append(batch('aaaa', 'bbbb', 'cccc'), id(0));
  expect(texts(log.read(0, 2, 1_000))).toEqual(['aaaa', 'bbbb']);
  expect(texts(log.read(1, 10, 1))).toEqual(['bbbb']);
  expect(log.read(3, 10, 1_000)).toEqual([]);
});

test('finds records behind gaps', () => {
  const { log } = setUp();
  log.skip(2);
  log.append(batch('a'), id(0));
  log.skip(10);
  log.append(batch('b'), id(1));
  expect(log.read(0, 10, 1_000).map(({ offset }) => offset)).toEqual([2, 13]);
  expect(log.read(3, 10, 1_000).map(({ offset }) => offset)).toEqual([13]);
  expect(log.start).toBe(2);
});

test('finds the first record of a time, among those that are kept', () => {
  const { log } = setUp({ records: 2 });
  const at = [10, 30, 20].map((timestamp) => record({ timestamp }));
  log.append(at, id(0));
  expect([5, 25, 30, 31].map((time) => log.offsetAt(time))).toEqual([1, 1, 1, 3]);
});

test('shares no bytes with who writes or reads', () => {
  const { log } = setUp();
  const [mine] = batch('mine');
  if (mine) log.append([mine], id(0));
  mine?.value?.fill(0);
  log.read(0, 1, 100)[0]?.value?.fill(0);
  expect(all(log)).toEqual(['mine']);
});
