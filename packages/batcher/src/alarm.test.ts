import { expect, test, vi } from 'vitest';
import { Alarm } from './alarm.ts';
import { clockOf } from './clock.ts';
import { ManualClock } from './testing/index.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test('an alarm that is called off in its tick never sets a timer', async () => {
  const clock = new ManualClock();
  const alarm = new Alarm(clockOf(clock), 10, vi.fn());
  alarm.callOff();
  await nextTurn();
  expect(clock.timers).toBe(0);
});

test('an alarm counts from when it was made, and rings in the turn after', async () => {
  const clock = new ManualClock();
  const ring = vi.fn();
  new Alarm(clockOf(clock), 10, ring);
  clock.advance(4);
  await nextTurn();
  clock.advance(5);
  await nextTurn();
  expect(ring).not.toHaveBeenCalled();
  clock.advance(1);
  expect(ring).not.toHaveBeenCalled();
  await nextTurn();
  expect(ring).toHaveBeenCalledOnce();
});

test('an alarm that is called off between its timer and its turn does not ring', async () => {
  const clock = new ManualClock();
  const ring = vi.fn();
  const alarm = new Alarm(clockOf(clock), 10, ring);
  await nextTurn();
  clock.block(20);
  alarm.callOff();
  await nextTurn();
  expect(ring).not.toHaveBeenCalled();
});
