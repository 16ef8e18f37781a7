import { expect, test } from 'vitest';
import { manualClock } from '../testing/manual-clock.ts';
import { HeldTopics } from './held-topics.ts';

const no = new Error('no');

test('a topic that fails waits, each time twice as long, up to half a minute', () => {
  const clock = manualClock();
  const held = new HeldTopics(clock);
  const waits: number[] = [];
  for (let i = 0; i < 11; i += 1) {
    held.hold('t', no);
    waits.push(held.soonestMs());
    clock.advance(held.soonestMs());
    expect(held.topics()).toEqual([]);
  }
  expect(waits).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
});

test('a topic of which something was sent begins anew', () => {
  const held = new HeldTopics(manualClock());
  held.hold('t', no);
  held.hold('t', no);
  held.release('t');
  expect([held.size, held.topics(), held.reasons()]).toEqual([0, [], []]);
  held.hold('t', no);
  expect(held.soonestMs()).toBe(100);
});

test('names those that wait, and why', () => {
  const clock = manualClock();
  const held = new HeldTopics(clock);
  held.hold('a', no);
  clock.advance(60);
  held.hold('b', no);
  expect(held.topics()).toEqual(['a', 'b']);
  expect(held.soonestMs()).toBe(40);
  expect(held.reasons()).toEqual(['"a" waits: no', '"b" waits: no']);
  clock.advance(40);
  expect(held.topics()).toEqual(['b']);
  held.forgetOver();
  expect(held.reasons()).toEqual(['"b" waits: no']);
});

test('nothing is soon when nothing waits', () => {
  expect(new HeldTopics(manualClock()).soonestMs()).toBe(Number.POSITIVE_INFINITY);
});
