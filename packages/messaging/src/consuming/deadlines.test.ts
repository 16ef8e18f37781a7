import { expect, test } from 'vitest';
import { manualClock } from '../testing/index.ts';
import { Deadlines } from './deadlines.ts';

function setup(limitMs: number) {
  const clock = manualClock();
  const expired: [string, number][] = [];
  const deadlines = new Deadlines<string>(clock, limitMs, (item) => {
    expired.push([item, clock.now()]);
  });
  return { clock, expired, deadlines };
}

test('each expires at its own time, with one timer at once', () => {
  const { clock, expired, deadlines } = setup(100);
  deadlines.add('a');
  clock.advance(30);
  deadlines.add('b');
  deadlines.add('c');
  expect(clock.timers).toBe(1);
  clock.advance(200);
  expect(expired).toEqual([
    ['a', 100],
    ['b', 130],
    ['c', 130],
  ]);
  expect(clock.timers).toBe(0);
});

test('what is called off does not expire, and what comes later is not forgotten', () => {
  const { clock, expired, deadlines } = setup(100);
  deadlines.add('a');
  deadlines.delete('a');
  clock.advance(60);
  deadlines.add('b');
  clock.advance(99);
  expect(expired).toEqual([]);
  clock.advance(1);
  expect(expired).toEqual([['b', 160]]);
});

test('a thousand that are called off in time cost one timer', () => {
  const { clock, deadlines } = setup(100);
  let set = 0;
  const after = clock.after;
  clock.after = (ms, run) => {
    set += 1;
    return after(ms, run);
  };
  for (let i = 0; i < 1000; i += 1) {
    deadlines.add(String(i));
    deadlines.delete(String(i));
  }
  expect(set).toBe(1);
});

test('no limit sets no timer', () => {
  const { clock, deadlines } = setup(Number.POSITIVE_INFINITY);
  deadlines.add('a');
  expect(clock.timers).toBe(0);
});

test('stop leaves no timer behind', () => {
  const { clock, expired, deadlines } = setup(100);
  deadlines.add('a');
  deadlines.stop();
  expect(clock.timers).toBe(0);
  clock.advance(1000);
  expect(expired).toEqual([]);
});
