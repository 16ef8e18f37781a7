import { expect, test } from 'vitest';
import { manualClock } from './manual-clock.ts';

test('stands still until it is moved', () => {
  const clock = manualClock(5);
  const wall = clock.wall();
  expect(clock.now()).toBe(5);
  clock.advance(10);
  expect(clock.now()).toBe(15);
  expect(clock.wall()).toBe(wall + 10);
});

test('moves the wall clock alone when it is told to', () => {
  const clock = manualClock();
  const wall = clock.wall();
  clock.setWallBy(-100);
  expect(clock.wall()).toBe(wall - 100);
  expect(clock.now()).toBe(0);
});

test('runs each timer once, in the order in which they are due, at its own time', () => {
  const clock = manualClock();
  const seen: [string, number][] = [];
  clock.after(30, () => seen.push(['c', clock.now()]));
  clock.after(10, () => seen.push(['a', clock.now()]));
  clock.after(10, () => seen.push(['b', clock.now()]));
  clock.advance(20);
  expect(seen).toEqual([
    ['a', 10],
    ['b', 10],
  ]);
  expect(clock.timers).toBe(1);
  clock.advance(20);
  clock.advance(20);
  expect(seen.slice(2)).toEqual([['c', 30]]);
  expect(clock.now()).toBe(60);
});

test('runs a timer that a timer set, when it is due in the same span', () => {
  const clock = manualClock();
  const seen: number[] = [];
  clock.after(10, () => clock.after(10, () => seen.push(clock.now())));
  clock.advance(20);
  expect(seen).toEqual([20]);
});

test('a timer that was called off does not run', () => {
  const clock = manualClock();
  const seen: number[] = [];
  const cancel = clock.after(10, () => seen.push(1));
  cancel();
  cancel();
  clock.advance(20);
  expect(seen).toEqual([]);
  expect(clock.timers).toBe(0);
});

test('a timer in the past runs at the next move, and the clock does not go back', () => {
  const clock = manualClock(100);
  const seen: number[] = [];
  clock.after(-50, () => seen.push(clock.now()));
  clock.advance(0);
  expect(seen).toEqual([100]);
});

test('pass lets promises run between timers', async () => {
  const clock = manualClock();
  const seen: number[] = [];
  const sleep = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));
  const work = async () => {
    for (let i = 0; i < 3; i += 1) {
      await sleep(10);
      seen.push(clock.now());
    }
  };
  const done = work();
  await clock.pass(30);
  await done;
  expect(seen).toEqual([10, 20, 30]);
});
