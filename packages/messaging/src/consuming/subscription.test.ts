import { expect, test } from 'vitest';
import { HeldHandler, p0, scripted } from '../testing/scripted-subscription.ts';

const recorded = () => {
  const seen: string[] = [];
  return { seen, handle: (message: string) => void seen.push(message) };
};

test('handles messages of different keys at once and those of a key one after the other', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock } = scripted(handler.handle);
  await start();
  await deliver('a:a1', 'a:a2', 'b:b1');
  expect(handler.begun).toEqual(['a1', 'b1']);
  handler.end('a1');
  await clock.pass(0);
  expect(handler.begun).toEqual(['a1', 'b1', 'a2']);
});

test('messages without a key wait for none', async () => {
  const handler = new HeldHandler();
  const { start, deliver } = scripted(handler.handle);
  await start();
  await deliver('one', 'two', 'three');
  expect(handler.begun).toEqual(['one', 'two', 'three']);
});

test('an empty key is a key, and keys are told apart by their bytes', async () => {
  const handler = new HeldHandler();
  const { start, deliver } = scripted(handler.handle);
  await start();
  await deliver(':e1', ':e2', 'ä:1', 'a\u0308:2');
  expect(handler.begun).toEqual(['e1', '1', '2']);
});

test('in the order of the partition, one message waits for the other', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock } = scripted(handler.handle, { order: 'partition' });
  await start();
  await deliver('a:1', 'b:2', '3');
  expect(handler.begun).toEqual(['1']);
  handler.end('1');
  await clock.pass(0);
  expect(handler.begun).toEqual(['1', '2']);
});

test('without any order, messages of a key run at once', async () => {
  const handler = new HeldHandler();
  const { start, deliver } = scripted(handler.handle, { order: 'none' });
  await start();
  await deliver('a:1', 'a:2');
  expect(handler.begun).toEqual(['1', '2']);
});

test('runs no more handlers at once than it may', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, subscription } = scripted(handler.handle, { concurrency: 2 });
  await start();
  await deliver('a:1', 'b:2', 'c:3');
  expect(handler.begun).toEqual(['1', '2']);
  expect(subscription.stats()).toMatchObject({ running: 2, buffered: 3 });
  handler.end('2');
  await clock.pass(0);
  expect(handler.begun).toEqual(['1', '2', '3']);
});

test('a handler that throws within its call fails as one that rejects', async () => {
  const calls: string[] = [];
  const { start, deliver, clock, subscription } = scripted((message) => {
    calls.push(message);
    if (calls.length === 1) throw new Error('no');
  });
  await start();
  await deliver('a:1');
  await clock.pass(1_000);
  expect(calls).toEqual(['1', '1']);
  expect(subscription.stats()).toMatchObject({ handled: 1, failed: 1, retried: 1 });
});

test('ten thousand messages that are handled within the call do not overflow the stack', async () => {
  const { seen, handle } = recorded();
  const { start, deliver } = scripted(handle, { concurrency: 1 });
  await start();
  await deliver(...Array.from({ length: 10_000 }, (_, i) => `k:${i}`));
  while (seen.length < 10_000) await new Promise(setImmediate);
  expect(seen).toEqual(Array.from({ length: 10_000 }, (_, i) => String(i)));
});

test('commits only below what is not handled, on the interval', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver } = scripted(handler.handle);
  await start();
  await deliver('a:1', 'b:2', 'c:3');
  handler.end('2');
  await clock.pass(1_000);
  expect(driver.current.commits).toEqual([]);
  handler.end('1');
  await clock.pass(999);
  expect(driver.current.commits).toEqual([]);
  await clock.pass(1);
  expect(driver.current.commits).toEqual([{ epoch: 1, offsets: [{ ...p0, offset: 2 }] }]);
  handler.end('3');
  await clock.pass(1_000);
  expect(driver.current.committed(p0)).toBe(3);
  await clock.pass(10_000);
  expect(driver.current.commits).toHaveLength(2);
  expect(clock.timers).toBe(1);
});

test('tries a commit again that failed, and says so meanwhile', async () => {
  const { handle } = recorded();
  const { start, deliver, clock, driver, subscription } = scripted(handle);
  await start();
  driver.current.onCommit = async () => {
    throw new Error('no coordinator');
  };
  await deliver('a:1');
  await clock.pass(1_000);
  expect(subscription.health()).toMatchObject({
    status: 'degraded',
    reasons: ['offsets cannot be committed: no coordinator'],
  });
  driver.current.onCommit = async () => undefined;
  await clock.pass(1_000);
  expect(driver.current.committed(p0)).toBe(1);
  expect(subscription.health()).toMatchObject({ status: 'up', reasons: [] });
});

test('pauses a partition that has enough buffered, and resumes it at the half', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver } = scripted(handler.handle, { buffer: { maxRecords: 4 } });
  await start();
  await deliver('a:1', 'a:2', 'a:3');
  expect(driver.current.paused.size).toBe(0);
  await deliver('a:4');
  expect([...driver.current.paused]).toEqual(['t/0']);
  for (const message of ['1', '2']) {
    handler.end(message);
    await clock.pass(0);
  }
  expect(driver.current.paused.size).toBe(1);
  handler.end('3');
  await clock.pass(0);
  expect(driver.current.paused.size).toBe(0);
});

test('pauses a partition by bytes too', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver, subscription } = scripted(handler.handle, {
    buffer: { maxBytes: 1_000 },
  });
  await start();
  await deliver(`a:${'x'.repeat(1_000)}`);
  expect(driver.current.paused.size).toBe(1);
  expect(subscription.stats()).toMatchObject({ paused: 1, buffered: 1 });
  handler.end('x'.repeat(1_000));
  await clock.pass(0);
  expect(driver.current.paused.size).toBe(0);
  expect(subscription.stats()).toMatchObject({ paused: 0, buffered: 0, bufferedBytes: 0 });
});

test('a slow key lets only so many messages be handled before it', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver } = scripted(handler.handle, { maxUncommitted: 4 });
  await start();
  await deliver('slow:1', 'b:2', 'c:3', 'd:4');
  for (const message of ['2', '3', '4']) handler.end(message);
  await clock.pass(5_000);
  expect(driver.current.paused.size).toBe(1);
  handler.end('1');
  await clock.pass(0);
  expect(driver.current.committed(p0)).toBe(4);
  expect(driver.current.paused.size).toBe(0);
});

test('commits before the interval when a quarter of what may be uncommitted is handled', async () => {
  const { handle } = recorded();
  const { start, deliver, driver } = scripted(handle, { maxUncommitted: 8 });
  await start();
  await deliver('a:1');
  expect(driver.current.commits).toEqual([]);
  await deliver('a:2');
  expect(driver.current.committed(p0)).toBe(2);
});

test('a partition whose offsets cannot be committed is paused in the end', async () => {
  const { handle } = recorded();
  const { start, deliver, clock, driver } = scripted(handle, { maxUncommitted: 8 });
  await start();
  driver.current.onCommit = async () => {
    throw new Error('no coordinator');
  };
  await deliver('1', '2', '3', '4', '5', '6', '7', '8');
  expect(driver.current.paused.size).toBe(1);
  driver.current.onCommit = async () => undefined;
  await clock.pass(5_000);
  expect(driver.current.paused.size).toBe(0);
});

test('what is handled while a commit is under way counts as uncommitted after it', async () => {
  const { handle } = recorded();
  const { start, deliver, clock, driver } = scripted(handle, { maxUncommitted: 4 });
  await start();
  const commits = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let tries = 0;
  driver.current.onCommit = async () => {
    tries += 1;
    await commits[tries - 1]?.promise;
  };
  await deliver('1');
  await deliver('2', '3');
  expect(tries).toBe(1);
  commits[0]?.resolve();
  await clock.pass(0);
  await deliver('4', '5');
  expect(driver.current.paused.size).toBe(1);
});

test('tells lag and the age of the oldest message that is not handled', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver, subscription } = scripted(handler.handle);
  await start();
  expect(subscription.stats()).toMatchObject({ lag: 0, oldestAgeMs: 0, partitions: 1 });
  await deliver('a:1', 'b:2');
  driver.current.deliver(p0, [], 10);
  expect(subscription.stats()).toMatchObject({ lag: 10, oldestAgeMs: clock.wall() - 1_000 });
  handler.end('1');
  await clock.pass(0);
  expect(subscription.stats()).toMatchObject({ lag: 9, oldestAgeMs: clock.wall() - 1_001 });
  handler.end('2');
  await clock.pass(0);
  expect(subscription.stats()).toMatchObject({ lag: 8, oldestAgeMs: 0 });
});

test('skips records that it has read already', async () => {
  const { seen, handle } = recorded();
  const { start, deliver, driver, clock } = scripted(handle);
  await start();
  const given: Parameters<typeof driver.current.deliver>[] = [];
  const deliverOnce = driver.current.deliver.bind(driver.current);
  driver.current.deliver = (...delivered) => {
    given.push(delivered);
    deliverOnce(...delivered);
  };
  await deliver('a:1', 'a:2');
  for (const delivered of given) deliverOnce(...delivered);
  await clock.pass(0);
  expect(seen).toEqual(['1', '2']);
});

test('stop waits for what is under way, commits it, and leaves what was queued', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver, subscription } = scripted(handler.handle);
  await start();
  await deliver('a:1', 'a:2');
  const stopped = subscription.close({ timeoutMs: 10_000 });
  await clock.pass(0);
  handler.end('1');
  await stopped;
  expect(handler.begun).toEqual(['1']);
  expect(driver.current.committed(p0)).toBe(1);
  expect(clock.timers).toBe(0);
  expect(subscription.health()).toMatchObject({ status: 'down', reasons: [] });
});

test('stop aborts handlers that take too long, and commits what the others did', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver, subscription } = scripted(handler.handle);
  await start();
  await deliver('a:1', 'b:2');
  handler.end('1');
  const stopped = subscription.close({ timeoutMs: 10_000 });
  await clock.pass(7_999);
  expect(handler.signals[1]?.aborted).toBe(false);
  await clock.pass(1);
  expect(handler.signals[1]?.reason).toMatchObject({ code: 'ERR_MESSAGING_PARTITION_LOST' });
  await stopped;
  expect(driver.current.committed(p0)).toBe(1);
  handler.end('2');
  await clock.pass(0);
  expect(driver.current.committed(p0)).toBe(1);
  expect(subscription.stats().running).toBe(0);
});

test('stop ends in its time when the driver does not', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver, subscription } = scripted(handler.handle);
  await start();
  await deliver('a:1');
  driver.current.stop = () => new Promise(() => undefined);
  const stopped = subscription.close({ timeoutMs: 10_000 });
  await clock.pass(10_000);
  await stopped;
  expect(handler.signals[0]?.aborted).toBe(true);
  driver.current.assign(p0);
  await deliver('b:2');
  expect(handler.begun).toEqual(['1']);
});

test('stop before start, twice or while it starts again is no error', async () => {
  const never = scripted(() => undefined);
  await never.subscription.close({ timeoutMs: 1_000 });
  await never.subscription.close({ timeoutMs: 1_000 });
  const crashed = scripted(() => undefined);
  await crashed.start();
  crashed.driver.current.crash(new Error('gone'));
  await crashed.clock.pass(0);
  await crashed.subscription.close({ timeoutMs: 1_000 });
  expect(crashed.clock.timers).toBe(0);
  expect(crashed.subscription.health()).toMatchObject({ status: 'down', reasons: [] });
});
