import { expect, test } from 'vitest';
import type { Position } from '../driver.ts';
import { textRecord } from '../testing/scripted-driver.ts';
import { HeldHandler, p0, scripted } from '../testing/scripted-subscription.ts';

interface World {
  committed?: (number | undefined)[];
  readonly set?: (group: string, offsets: readonly Position[]) => void;
}

/** The topic has two partitions with the offsets 5 to 90 and 0 to 40. */
function withAdmin(options: Parameters<typeof scripted>[1], world: World = {}) {
  const handler = new HeldHandler();
  const made = scripted(handler.handle, options);
  const starts = { earliest: [5, 0], latest: [90, 40] };
  Object.assign(made.driver, {
    admin: {
      ...made.driver.admin,
      offsets: async (_: string, at: 'earliest' | 'latest' | number) =>
        typeof at === 'number' ? [at, at + 1] : starts[at],
      committed: async () => world.committed ?? [undefined, undefined],
      setCommitted: async (group: string, offsets: readonly Position[]) =>
        world.set?.(group, offsets),
    },
  });
  return { ...made, handler };
}

test.each([
  ['latest' as const, [90, 40]],
  [{ timestamp: 7 }, [7, 8]],
  [{ offsets: { 1: 33 } }, [5, 33]],
])('a new group that begins at %j commits that before it joins', async (from, expected) => {
  const seen: unknown[] = [];
  const { start, driver } = withAdmin(
    { from },
    {
      set: (group, offsets) =>
        seen.push(
          group,
          offsets.map(({ offset }) => offset),
        ),
    },
  );
  await start();
  expect(seen).toEqual(['g', expected]);
  expect(driver.current.options.from).toBe('earliest');
});

test('a group that has committed something goes on from there', async () => {
  const seen: unknown[] = [];
  const { start } = withAdmin(
    { from: 'latest' },
    { committed: [undefined, 3], set: () => seen.push('set') },
  );
  await start();
  expect(seen).toEqual([]);
});

test('as long as it cannot be said where a new group begins, it does not join', async () => {
  let isAway = true;
  const { clock, subscription, driver } = withAdmin(
    { from: 'latest' },
    {
      set: () => {
        if (isAway) throw new Error('no coordinator');
      },
    },
  );
  subscription.start();
  await clock.pass(5_000);
  expect(driver.current.isRunning).toBe(false);
  expect(subscription.health()).toMatchObject({
    status: 'degraded',
    reasons: [expect.stringContaining('where the group "g" begins in "t" cannot be set')],
  });
  isAway = false;
  await clock.pass(30_000);
  expect(driver.current.isRunning).toBe(true);
});

test('replay reads the partitions that are held from another offset on, and commits that', async () => {
  const { start, deliver, clock, driver, subscription, handler } = withAdmin({});
  await start();
  await deliver('a:1', 'a:2', 'b:3');
  handler.end('1');
  await clock.pass(1_000);
  expect(driver.current.committed(p0)).toBe(1);
  expect(await subscription.replay({ offsets: { 0: 0 } })).toEqual([{ ...p0, offset: 0 }]);
  expect(driver.current.sought).toEqual([{ ...p0, offset: 0 }]);
  await clock.pass(1_000);
  expect(driver.current.committed(p0)).toBe(0);
  handler.end('3');
  driver.current.deliver(p0, [textRecord(0, 'a', '"1"'), textRecord(1, 'c', '"new"')]);
  await clock.pass(0);
  // The key of a call from before waits for it.
  expect(handler.begun).toEqual(['1', '3', '2', 'new']);
  handler.end('2');
  await clock.pass(0);
  expect(handler.begun).toEqual(['1', '3', '2', 'new', '1']);
});

test('replay resumes a partition that was paused', async () => {
  const { start, deliver, clock, driver, subscription } = withAdmin({ buffer: { maxRecords: 1 } });
  await start();
  await deliver('a:1');
  expect(driver.current.paused.size).toBe(1);
  await subscription.replay({ timestamp: 60 });
  await clock.pass(0);
  expect(driver.current.paused.size).toBe(0);
  expect(driver.current.sought).toEqual([{ ...p0, offset: 60 }]);
  expect(subscription.stats()).toMatchObject({ buffered: 0 });
});

test('a replay from the offset of another partition leaves those that it does not name alone', async () => {
  const { start, subscription, driver } = withAdmin({});
  await start();
  expect(await subscription.replay({ offsets: { 1: 3 } })).toEqual([]);
  expect(driver.current.sought).toEqual([]);
});

test('replay of a subscription that holds nothing does nothing, and a bad place is refused', async () => {
  const { subscription } = withAdmin({});
  expect(await subscription.replay('earliest')).toEqual([]);
  await expect(subscription.replay({ timestamp: -1 })).rejects.toThrow(
    'from.timestamp must be a whole number from 0 up, got -1',
  );
});
