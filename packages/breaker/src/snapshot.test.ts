import { describe, expect, test } from 'vitest';
import { createBreaker } from './breaker.ts';
import type { BreakerOptions } from './options.ts';
import type { BreakerSnapshot } from './snapshot.ts';
import { manualClock } from './testing/manual-clock.ts';

function rig(options: BreakerOptions = {}, wallAheadMs = 0) {
  const clock = manualClock();
  clock.setWallBy(wallAheadMs);
  const breaker = createBreaker({ openMs: 10_000, intervalMs: 60_000, ...options, clock });
  const fail = async (times: number) => {
    for (let i = 0; i < times; i += 1) {
      await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => undefined);
    }
  };
  return { clock, breaker, fail };
}

/** What the other process gets: nothing but JSON. */
function sent(snapshot: BreakerSnapshot): BreakerSnapshot {
  return JSON.parse(JSON.stringify(snapshot));
}

describe('export and import', () => {
  test('carry the true time of opening to another host', async () => {
    const here = rig();
    await here.fail(3);
    here.clock.jump(4_000);
    const there = rig({ openMs: 1 }, 4_000 + 3_000);
    there.breaker.import(sent(here.breaker.export()));
    expect(there.breaker.state).toBe('open');
    there.clock.jump(3_000);
    expect(there.breaker.state).toBe('open');
    there.clock.jump(1);
    expect(there.breaker.state).toBe('half-open');
  });

  test('find a breaker half-open when its time has run out on the way', async () => {
    const here = rig();
    await here.fail(3);
    const there = rig({}, 10_001);
    there.breaker.import(sent(here.breaker.export()));
    expect(there.breaker.state).toBe('half-open');
  });

  test('take a time in the future for now, as clocks of hosts differ', async () => {
    const here = rig();
    await here.fail(3);
    const there = rig({}, -1_000_000);
    there.breaker.import(here.breaker.export());
    there.clock.jump(10_001);
    expect(there.breaker.state).toBe('half-open');
  });

  test('carry how often in a row it has opened', async () => {
    const openMs = (timesOpened: number) => timesOpened * 100;
    const here = rig({ openMs });
    await here.fail(3);
    here.clock.jump(101);
    await here.fail(1);
    const there = rig({ openMs });
    there.breaker.import(here.breaker.export());
    there.clock.jump(201);
    await there.fail(1);
    there.clock.jump(300);
    expect(there.breaker.state).toBe('open');
    there.clock.jump(1);
    expect(there.breaker.state).toBe('half-open');
  });

  test('carry the counts of a fixed window and its beginning, not the calls in flight', async () => {
    const here = rig({ readyToTrip: () => false });
    here.clock.jump(5_000);
    here.breaker.execute(() => new Promise(() => undefined));
    await here.fail(2);
    const there = rig({}, 5_000);
    there.breaker.import(here.breaker.export());
    expect(there.breaker.counts).toMatchObject({
      requests: 2,
      failures: 2,
      consecutiveFailures: 2,
      completed: 2,
    });
    there.clock.jump(55_001);
    expect(there.breaker.counts.requests).toBe(0);
  });

  test('begin a rolling window empty', async () => {
    const here = rig({ bucketMs: 1_000 });
    await here.fail(2);
    const there = rig({ bucketMs: 1_000 });
    there.breaker.import(here.breaker.export());
    expect(there.breaker.counts.requests).toBe(0);
  });

  test('carry no isolation out, and let none be ended from outside', async () => {
    const here = rig();
    here.breaker.isolate();
    const snapshot = here.breaker.export();
    expect(snapshot.state).toBe('half-open');
    const there = rig();
    const isolation = there.breaker.isolate();
    there.breaker.import(snapshot);
    expect(there.breaker.state).toBe('open');
    isolation.release();
    const third = rig();
    third.breaker.import(snapshot);
    expect(third.breaker.state).toBe('half-open');
  });

  test('leave out what another version has counted besides', async () => {
    const { breaker } = rig();
    const snapshot = breaker.export();
    const counts = { ...snapshot.counts, success: 1, completed: 2, successes: 2 };
    breaker.import({ ...snapshot, counts });
    expect(await breaker.execute(() => 1)).toBe(1);
    expect(breaker.counts).toMatchObject({ requests: 3, successes: 3, completed: 3 });
    expect(breaker.counts).not.toHaveProperty('success');
  });

  const good = rig().breaker.export();
  const { slow, ...older } = good.counts;
  const bad: [object | null, string][] = [
    [null, 'snapshot must be an object, got null'],
    [{ ...good, counts: undefined }, 'counts must be an object, got undefined'],
    [{ ...good, counts: older }, 'counts.slow must be a non-negative integer, got undefined'],
    [{ ...good, state: 'ajar' }, 'state must be one of "closed", "open", "half-open", got "ajar"'],
    [{ ...good, sinceEpochMs: 'x' }, 'sinceEpochMs must be at least 0 ms, got "x"'],
    [{ ...good, openMs: -1 }, 'openMs must be at least 0 ms, got -1'],
    [{ ...good, timesOpened: 0.5 }, 'timesOpened must be a non-negative integer, got 0.5'],
    [
      { ...good, counts: { ...good.counts, failures: -1 } },
      'counts.failures must be a non-negative integer, got -1',
    ],
  ];
  test.each(bad)('refuse %o', (snapshot, message) => {
    expect(() => rig().breaker.import(snapshot as BreakerSnapshot)).toThrow(message);
  });
});
