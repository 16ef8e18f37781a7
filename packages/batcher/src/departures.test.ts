import { expect, test } from 'vitest';
import { Batch } from './batch.ts';
import { Departures } from './departures.ts';
import { Lane } from './lane.ts';
import { manualClock } from './testing/index.ts';

const endOfTurn = () => new Promise((resolve) => setImmediate(resolve));

function rig(concurrency: number) {
  const clock = manualClock();
  const left: Batch<number, number>[] = [];
  const departures = new Departures<number, number>(
    { concurrency, clock, isGrouped: false },
    (batch) => left.push(batch),
  );
  const lane = new Lane<number, number>(undefined);
  return { departures, lane, left, begin: () => new Batch(lane, clock.now()) };
}

test('a batch that is ripe soon leaves at the end of the tick, one that is ripe now at once', async () => {
  const { departures, left, begin } = rig(2);
  const [soon, now] = [begin(), begin()];
  departures.ripen(soon, 'soon');
  expect(left).toEqual([]);
  await endOfTurn();
  expect(left).toEqual([soon]);
  departures.ripen(now, 'now');
  expect(left).toEqual([soon, now]);
});

test('a batch that was cancelled leaves no turn of its lane behind', async () => {
  const { departures, lane, left, begin } = rig(1);
  const [first, second, third] = [begin(), begin(), begin()];
  departures.ripen(first, 'now');
  departures.ripen(second, 'soon');
  departures.cancel(second);
  expect(lane.isCalled).toBe(false);
  departures.ripen(third, 'soon');
  await endOfTurn();
  expect(left).toEqual([first]);
  departures.arrived(first);
  await endOfTurn();
  expect(left).toEqual([first, third]);
});
