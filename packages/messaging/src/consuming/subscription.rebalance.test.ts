import { expect, test } from 'vitest';
import { DriverError, PoisonError } from '../errors.ts';
import { textRecord } from '../testing/scripted-driver.ts';
import { HeldHandler, p0, scripted } from '../testing/scripted-subscription.ts';

const p1 = { topic: 't', partition: 1 };

test('giving up a partition waits for what is under way, commits it, and only then answers', async () => {
  const handler = new HeldHandler();
  const made = scripted(handler.handle);
  await made.start();
  await made.deliver('a:1', 'b:2', 'a:3');
  let isAnswered = false;
  void made.driver.current.revoke().then(() => {
    isAnswered = true;
  });
  await made.clock.pass(0);
  handler.end('1');
  await made.clock.pass(20_000);
  expect(isAnswered).toBe(false);
  handler.end('2');
  await made.clock.pass(0);
  expect(isAnswered).toBe(true);
  expect(handler.begun).toEqual(['1', '2']);
  expect(made.driver.current.committed(p0)).toBe(2);
});

test('waits no longer than the group does: then the signals abort and what is done is committed', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver } = scripted(handler.handle, {
    rebalanceTimeoutMs: 10_000,
  });
  await start();
  await deliver('a:1', 'b:2');
  handler.end('1');
  const revoked = driver.current.revoke();
  await clock.pass(7_999);
  expect(handler.signals[1]?.aborted).toBe(false);
  await clock.pass(1);
  expect(handler.signals[1]?.aborted).toBe(true);
  await revoked;
  expect(driver.current.committed(p0)).toBe(1);
});

test('a commit that hangs does not hold the answer up for longer than the group waits', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver } = scripted(handler.handle, {
    rebalanceTimeoutMs: 10_000,
  });
  await start();
  await deliver('a:1');
  handler.end('1');
  await clock.pass(0);
  driver.current.onCommit = () => new Promise(() => undefined);
  const begunMs = clock.now();
  const revoked = driver.current.revoke();
  await clock.pass(9_000);
  await revoked;
  expect(clock.now() - begunMs).toBeLessThan(10_000);
});

test('the commit before partitions are given up is tried again at once', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver } = scripted(handler.handle);
  await start();
  await deliver('a:1');
  handler.end('1');
  await clock.pass(0);
  let tries = 0;
  driver.current.onCommit = async () => {
    tries += 1;
    if (tries === 1) throw new DriverError('moved', { isRetriable: true });
  };
  await driver.current.revoke();
  expect(driver.current.committed(p0)).toBe(1);
});

test('a handler that fails while its partition is given up leaves nothing behind', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver, subscription } = scripted(handler.handle);
  await start();
  await deliver('a:1', 'a:2', 'b:3');
  handler.end('3');
  const stopped = subscription.close({ timeoutMs: 10_000 });
  handler.fail('1', new Error('no'));
  await clock.pass(0);
  await stopped;
  expect(clock.timers).toBe(0);
  expect(handler.begun).toEqual(['1', '3']);
  expect(driver.current.commits).toEqual([]);
});

test('a dead letter that cannot be written while its partition is given up leaves nothing behind', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, producer, subscription } = scripted(handler.handle);
  producer.error = new Error('no leader');
  await start();
  await deliver('a:1');
  const stopped = subscription.close({ timeoutMs: 10_000 });
  handler.fail('1', new PoisonError('never'));
  await clock.pass(0);
  await stopped;
  expect(clock.timers).toBe(0);
  expect(subscription.health().reasons).toEqual([]);
});

test('commits follow each other, also the one before partitions are given up', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver } = scripted(handler.handle);
  await start();
  await deliver('a:1', 'b:2');
  let underWay = 0;
  let most = 0;
  driver.current.onCommit = async () => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise<void>((resolve) => void clock.after(100, resolve));
    underWay -= 1;
  };
  handler.end('1');
  await clock.pass(1_000);
  expect(underWay).toBe(1);
  handler.end('2');
  const revoked = driver.current.revoke();
  await clock.pass(300);
  await revoked;
  expect(most).toBe(1);
  expect(driver.current.committed(p0)).toBe(2);
});

test('a commit that fails after the end is no trouble any more', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver, subscription } = scripted(handler.handle);
  await start();
  await deliver('a:1');
  const answer = Promise.withResolvers<void>();
  driver.current.onCommit = () => answer.promise;
  handler.end('1');
  await clock.pass(1_000);
  const stopped = subscription.close({ timeoutMs: 1_000 });
  await clock.pass(1_000);
  await stopped;
  answer.reject(new Error('closed'));
  await clock.pass(0);
  expect(subscription.health().reasons).toEqual([]);
  expect(clock.timers).toBe(0);
});

test('a dead letter that is being written while the partition is given up is waited for', async () => {
  const writing = Promise.withResolvers<void>();
  const { start, deliver, clock, driver, producer } = scripted(async () => {
    throw new PoisonError('never');
  });
  producer.write = () => writing.promise;
  await start();
  await deliver('a:1');
  const revoked = driver.current.revoke();
  await clock.pass(1_000);
  writing.resolve();
  await revoked;
  expect(driver.current.committed(p0)).toBe(1);
});

test('partitions that stay are kept as they are when others come', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver, subscription } = scripted(handler.handle);
  await start();
  await deliver('a:1');
  driver.current.assign(p0, p1);
  driver.current.deliver(p1, [textRecord(5, 'a', '"other"')]);
  handler.end('1');
  await clock.pass(1_000);
  expect(handler.begun).toEqual(['1', 'other']);
  expect(driver.current.commits).toEqual([{ epoch: 2, offsets: [{ ...p0, offset: 1 }] }]);
  expect(subscription.stats()).toMatchObject({ partitions: 2, buffered: 1 });
});

test('records of a partition that is not held are ignored', async () => {
  const handler = new HeldHandler();
  const { start, clock, driver } = scripted(handler.handle);
  await start();
  driver.current.deliver(p1, [textRecord(5, 'a', '"other"')]);
  await clock.pass(0);
  expect(handler.begun).toEqual([]);
});
