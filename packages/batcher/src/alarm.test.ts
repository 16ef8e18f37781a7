import { expect, test, vi } from 'vitest';
import { Alarm } from './alarm.ts';
import { clockOf } from './clock.ts';
import { manualClock } from './testing/index.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test('an alarm rings in the turn after its time', async () => {
  const clock = manualClock();
  const ring = vi.fn();
  new Alarm(clockOf(clock), 10, ring);
  clock.advance(9);
  await nextTurn();
  expect(ring).not.toHaveBeenCalled();
  clock.advance(1);
  expect(ring).not.toHaveBeenCalled();
  await nextTurn();
  expect(ring).toHaveBeenCalledOnce();
});

test('an alarm that is set too late rings in the next turn, without a timer', async () => {
  const clock = manualClock();
  clock.advance(10);
  const ring = vi.fn();
  new Alarm(clockOf(clock), 10, ring);
  expect([clock.timers, ring.mock.calls.length]).toEqual([0, 0]);
  await nextTurn();
  expect(ring).toHaveBeenCalledOnce();
});

test('an alarm for a time that never comes sets no timer', () => {
  const clock = manualClock();
  const alarm = new Alarm(clockOf(clock), Number.POSITIVE_INFINITY, vi.fn());
  expect(clock.timers).toBe(0);
  alarm.callOff();
});

test('an alarm that is called off between its timer and its turn does not ring', async () => {
  const clock = manualClock();
  const ring = vi.fn();
  const alarm = new Alarm(clockOf(clock), 10, ring);
  clock.block(20);
  alarm.callOff();
  await nextTurn();
  expect(ring).not.toHaveBeenCalled();
});
