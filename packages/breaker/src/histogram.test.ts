import { expect, test } from 'vitest';
import { createBreaker } from './breaker.ts';
import { manualClock } from './testing/manual-clock.ts';

test('a breaker that measures tells how many calls took how long', async () => {
  const clock = manualClock();
  const breaker = createBreaker({ measureLatency: true, clock });
  for (const ms of [0, 1, 1.5, 40, 30_001]) await breaker.execute(() => clock.jump(ms));
  const latency = breaker.stats().latency;
  const counts = latency?.counts.map((count, i) => [latency.boundsMs[i], count]);
  expect(counts?.filter(([, count]) => count)).toEqual([
    [1, 2],
    [2, 1],
    [50, 1],
    [undefined, 1],
  ]);
  expect(latency?.sumMs).toBe(30_043.5);
});

test('a breaker measures by default when it is told what is slow', () => {
  expect(createBreaker({ slowCallMs: 100 }).stats()).toHaveProperty('latency');
  expect(createBreaker().stats()).not.toHaveProperty('latency');
  const quiet = createBreaker({ slowCallMs: 100, measureLatency: false });
  expect(quiet.stats()).not.toHaveProperty('latency');
});
