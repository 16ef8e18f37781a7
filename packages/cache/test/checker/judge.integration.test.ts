import { describe, expect, test } from 'vitest';
import type { Deaf, Event, Read, Settled, Write } from './history.ts';
import { judge } from './judge.ts';
import { random } from './random.ts';

const bounds = { busMs: 10, lostMs: 1000 };

const write = (process: number, end: number, more: Partial<Write> = {}): Write => ({
  ...{ kind: 'write', process, row: 1, begin: end - 5, end, version: 2, acknowledged: true },
  ...more,
});
const read = (process: number, begin: number, version: number, row = 1): Read => ({
  ...{ kind: 'read', process, row, begin, end: begin + 5, version },
});
const settled = (process: number, at: number): Settled => ({ kind: 'settled', process, at });
const deaf = (process: number, begin: number, end: number): Deaf => ({
  ...{ kind: 'deaf', process, begin, end },
});
const lost = { acknowledged: false };

interface Case {
  readonly it: string;
  readonly events: readonly Event[];
  readonly violations: number;
  readonly excused: number;
}

const cases: readonly Case[] = [
  { it: 'nothing is fine', events: [], violations: 0, excused: 0 },
  { it: 'the same version', events: [write(0, 100), read(0, 101, 2)], violations: 0, excused: 0 },
  { it: 'a newer version', events: [write(0, 100), read(1, 500, 3)], violations: 0, excused: 0 },
  { it: 'another row', events: [write(0, 100), read(0, 500, 1, 2)], violations: 0, excused: 0 },
  {
    it: 'a read that began before',
    events: [write(0, 100), read(0, 99, 1)],
    violations: 0,
    excused: 0,
  },
  {
    it: 'old where it was written',
    events: [write(0, 100), read(0, 101, 1)],
    violations: 1,
    excused: 0,
  },
  {
    it: 'old elsewhere, at once',
    events: [write(0, 100), read(1, 109, 1)],
    violations: 0,
    excused: 1,
  },
  {
    it: 'old elsewhere, later',
    events: [write(0, 100), read(1, 111, 1)],
    violations: 1,
    excused: 0,
  },
  {
    it: 'old where nobody heard',
    events: [write(0, 100), deaf(1, 90, 200), read(1, 209, 1)],
    violations: 0,
    excused: 1,
  },
  {
    it: 'old where somebody has heard again',
    events: [write(0, 100), deaf(1, 90, 200), read(1, 211, 1)],
    violations: 1,
    excused: 0,
  },
  {
    it: 'old where one deafness followed another',
    events: [write(0, 100), deaf(1, 205, 300), deaf(1, 90, 200), read(1, 309, 1)],
    violations: 0,
    excused: 1,
  },
  {
    it: 'old after a deafness that was over before the write',
    events: [write(0, 100), deaf(1, 50, 94), read(1, 111, 1)],
    violations: 1,
    excused: 0,
  },
  {
    it: 'old after a deafness that began when all was heard',
    events: [write(0, 100), deaf(1, 112, 200), read(1, 150, 1)],
    violations: 1,
    excused: 0,
  },
  {
    it: 'old after the deafness of somebody else',
    events: [write(0, 100), deaf(2, 90, 200), read(1, 150, 1)],
    violations: 1,
    excused: 0,
  },
  {
    it: 'old where it was written, though deaf',
    events: [write(0, 100), deaf(0, 90, 200), read(0, 150, 1)],
    violations: 1,
    excused: 0,
  },
  {
    it: 'old where it was written, though not acknowledged',
    events: [write(0, 100, lost), read(0, 101, 1)],
    violations: 1,
    excused: 0,
  },
  {
    it: 'old elsewhere while the write waits',
    events: [write(0, 100, lost), read(1, 300, 1), settled(0, 400)],
    violations: 0,
    excused: 1,
  },
  {
    it: 'old elsewhere after the write waited',
    events: [write(0, 100, lost), settled(0, 400), settled(0, 200), read(1, 211, 1)],
    violations: 1,
    excused: 0,
  },
  {
    it: 'old elsewhere though somebody else has nothing waiting',
    events: [write(0, 100, lost), settled(2, 200), settled(0, 99), read(1, 900, 1)],
    violations: 0,
    excused: 1,
  },
  {
    it: 'old for longer than a lost write may matter',
    events: [write(0, 100, lost), read(1, 1101, 1)],
    violations: 1,
    excused: 0,
  },
];

test.each(cases)('the judge knows: $it', ({ events, violations, excused }) => {
  const verdict = judge(events, bounds);
  expect(verdict.violations.length).toBe(violations);
  expect(verdict.excused).toBe(excused);
});

describe('the verdict', () => {
  test('says what was read, after which write, and how late', () => {
    const late = read(1, 150, 1);
    const { violations } = judge([write(0, 100), late], bounds);
    expect(violations).toEqual([{ read: late, write: write(0, 100), lateMs: 40 }]);
  });

  test('counts what there was', () => {
    const events = [write(0, 100), write(0, 200, lost), read(1, 105, 1), read(1, 204, 1)];
    expect(judge([...events, write(0, 300)], bounds)).toMatchObject({
      ...{ reads: 2, writes: 3, unacknowledged: 1, excused: 2, excusedForMs: 5 },
      violations: [{ lateMs: 94 }],
    });
  });
});

test('the same seed gives the same numbers, from 0 to below 1, another seed other ones', () => {
  const many = (seed: number) => Array.from({ length: 1000 }, random(seed));
  expect(many(1)).toEqual(many(1));
  expect(many(1)).not.toEqual(many(2));
  expect(Math.min(...many(3))).toBeGreaterThanOrEqual(0);
  expect(Math.max(...many(3))).toBeLessThan(1);
  expect(new Set(many(4)).size).toBeGreaterThan(990);
});
