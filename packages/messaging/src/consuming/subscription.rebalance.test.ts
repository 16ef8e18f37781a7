import { expect, test } from 'vitest';
import { DriverError, PoisonError } from '../errors.ts';
import { staleError, textRecord } from '../testing/scripted-driver.ts';
import { HeldHandler, p0, scripted } from '../testing/scripted-subscription.ts';

const p1 = { topic: 't', partition: 1 };

/** Revokes what the consumer holds, and tells whether that was answered. */
function revoking({ driver }: ReturnType<typeof scripted>) {
  const state = { isAnswered: false };
  void driver.current.revoke().then(() => {
    state.isAnswered = true;
  });
  return state;
}

test('giving up a partition waits for what is under way, commits it, and only then answers', async () => {
  const handler = new HeldHandler();
  const made = scripted(handler.handle);
  await made.start();
  await made.deliver('a:1', 'b:2', 'a:3');
  const revoked = revoking(made);
  await made.clock.pass(0);
  handler.end('1');
  await made.clock.pass(20_000);
  expect(revoked.isAnswered).toBe(false);
  handler.end('2');
  await made.clock.pass(0);
  expect(revoked.isAnswered).toBe(true);
  expect(handler.begun).toEqual(['1', '2']);
  expect(made.driver.current.committed(p0)).toBe(2);
});

test('what was overtaken is still handled, so that nothing is handled twice', async () => {
  const handler = new HeldHandler();
  const made = scripted(handler.handle);
  await made.start();
  await made.deliver('a:1', 'a:2', 'b:3', 'a:4');
  handler.end('3');
  await made.clock.pass(0);
  const revoked = revoking(made);
  handler.end('1');
  await made.clock.pass(0);
  expect(handler.begun).toEqual(['1', '3', '2']);
  expect(revoked.isAnswered).toBe(false);
  handler.end('2');
  await made.clock.pass(0);
  expect(revoked.isAnswered).toBe(true);
  expect(handler.begun).toEqual(['1', '3', '2']);
  expect(made.driver.current.committed(p0)).toBe(3);
});

test('also what was overtaken before an earlier message began', async () => {
  const handler = new HeldHandler();
  const made = scripted(handler.handle);
  await made.start();
  await made.deliver('a:1', 'a:2', 'a:3', 'b:4');
  handler.end('4');
  handler.end('1');
  await made.clock.pass(0);
  revoking(made);
  handler.end('2');
  await made.clock.pass(0);
  handler.end('3');
  await made.clock.pass(0);
  expect(handler.begun).toEqual(['1', '4', '2', '3']);
  expect(made.driver.current.committed(p0)).toBe(4);
});

test('what was overtaken is waited for while other partitions have the handlers', async () => {
  const handler = new HeldHandler();
  const made = scripted(handler.handle, { concurrency: 2 });
  await made.start();
  made.driver.current.assign(p0, p1);
  await made.deliver('a:1', 'a:2', 'b:3');
  made.driver.current.deliver(p1, [textRecord(0, 'x', '"x"'), textRecord(1, 'y', '"y"')]);
  made.driver.current.held = [p0];
  const revoked = revoking(made);
  handler.end('3');
  await made.clock.pass(0);
  handler.end('1');
  await made.clock.pass(0);
  expect(handler.begun).toEqual(['1', '3', 'x', 'y']);
  expect(revoked.isAnswered).toBe(false);
  handler.end('x');
  await made.clock.pass(0);
  handler.end('2');
  await made.clock.pass(0);
  expect(revoked.isAnswered).toBe(true);
  expect(made.driver.current.committed(p0)).toBe(3);
});

test('what was overtaken is begun for a quarter of the time at most', async () => {
  const handler = new HeldHandler();
  const made = scripted(handler.handle, { rebalanceTimeoutMs: 10_000 });
  await made.start();
  await made.deliver('a:1', 'a:2', 'b:3');
  handler.end('3');
  const revoked = revoking(made);
  await made.clock.pass(2_000);
  handler.end('1');
  await made.clock.pass(0);
  expect(handler.begun).toEqual(['1', '3']);
  expect(revoked.isAnswered).toBe(true);
  expect(made.driver.current.committed(p0)).toBe(1);
});

test('what was overtaken by nobody but a message that waits for its next call is not begun', async () => {
  const calls: string[] = [];
  const made = scripted(
    async (message) => {
      calls.push(message);
      if (message === '1') throw new Error('no');
      await new Promise<void>((resolve) => void made.clock.after(100, resolve));
    },
    { retry: { backoffMs: 60_000 } },
  );
  await made.start();
  await made.deliver('a:1', 'b:2', 'b:3', 'c:4');
  const revoked = revoking(made);
  await made.clock.pass(100);
  expect(calls).toEqual(['1', '2', '4']);
  expect(revoked.isAnswered).toBe(true);
  expect(made.driver.current.commits).toEqual([]);
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

test('a stale commit is dropped without a complaint', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver, subscription } = scripted(handler.handle);
  await start();
  await deliver('a:1');
  handler.end('1');
  let tries = 0;
  driver.current.onCommit = async () => {
    tries += 1;
    throw staleError();
  };
  await clock.pass(60_000);
  expect(tries).toBe(1);
  expect(subscription.health().reasons).toEqual([]);
});

test('what ends after its partition was given up commits nothing under the next assignment', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver } = scripted(handler.handle, { rebalanceTimeoutMs: 1_000 });
  await start();
  await deliver('a:1');
  const revoked = driver.current.revoke();
  await clock.pass(1_000);
  await revoked;
  driver.current.assign(p0);
  handler.end('1');
  await clock.pass(10_000);
  expect(driver.current.commits).toEqual([]);
});

test('a key that is still being handled from an earlier assignment is not handled beside itself', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver } = scripted(handler.handle);
  await start();
  await deliver('a:1');
  driver.current.lose();
  expect(handler.signals[0]?.reason).toMatchObject({
    code: 'ERR_MESSAGING_PARTITION_LOST',
    topic: 't',
    partition: 0,
  });
  driver.current.assign(p0);
  driver.current.deliver(p0, [textRecord(0, 'a', '"1"'), textRecord(1, 'b', '"other"')]);
  await clock.pass(60_000);
  expect(handler.begun).toEqual(['1', 'other']);
  const [first] = handler.signals;
  handler.fail('1', first?.reason);
  await clock.pass(0);
  expect(handler.begun).toEqual(['1', 'other', '1']);
});

test('what ends after its partition was lost is neither counted nor dead-lettered', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver, producer, subscription } = scripted(handler.handle);
  await start();
  await deliver('a:1', 'b:2');
  driver.current.lose();
  handler.end('1');
  handler.fail('2', new PoisonError('never'));
  await clock.pass(1_000);
  expect(producer.written).toEqual([]);
  expect(subscription.stats()).toMatchObject({ handled: 0, failed: 0, running: 0 });
});

test('what was done and not committed when the partition was lost is not committed later', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, driver } = scripted(handler.handle);
  await start();
  await deliver('a:1');
  handler.end('1');
  await clock.pass(500);
  driver.current.lose();
  driver.current.assign(p0);
  await clock.pass(10_000);
  expect(driver.current.commits).toEqual([]);
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

test('a dead letter that is written after its partition was lost commits nothing', async () => {
  const writing = Promise.withResolvers<void>();
  const { start, deliver, clock, driver, producer, subscription } = scripted(async () => {
    throw new PoisonError('never');
  });
  producer.write = () => writing.promise;
  await start();
  await deliver('a:1');
  const stopped = subscription.close({ timeoutMs: 1_000 });
  await clock.pass(1_000);
  await stopped;
  writing.resolve();
  await clock.pass(10_000);
  expect(driver.current.commits).toEqual([]);
  expect(clock.timers).toBe(0);
  expect(subscription.stats()).toMatchObject({ deadLettered: 1 });
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

test('what waited for its next call when the partition was lost is called no more', async () => {
  const calls: string[] = [];
  const { start, deliver, clock, driver } = scripted(
    async (message) => {
      calls.push(message);
      throw new Error('no');
    },
    { timeoutMs: Infinity },
  );
  await start();
  await deliver('a:1');
  driver.current.lose();
  expect(clock.timers).toBe(0);
  await clock.pass(60_000);
  expect(calls).toEqual(['1']);
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

test('a consumer that crashes is made again, ever later, and health says so until partitions come', async () => {
  const handler = new HeldHandler();
  const { start, clock, driver, subscription } = scripted(handler.handle);
  expect(subscription.health().status).toBe('starting');
  await start();
  expect(subscription.health().status).toBe('up');
  const waits: number[] = [];
  for (let i = 0; i < 9; i += 1) {
    const before = clock.now();
    driver.current.crash(new Error('unknown codec'));
    await clock.pass(0);
    expect(subscription.health()).toMatchObject({
      status: 'degraded',
      reasons: ['the consumer ended and is started again: unknown codec'],
    });
    const made = driver.consumers.length;
    while (driver.consumers.length === made) await clock.pass(100);
    waits.push(clock.now() - before);
  }
  expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  driver.current.assign(p0);
  expect(subscription.health()).toMatchObject({ status: 'up', reasons: [] });
  expect(subscription.stats().crashes).toBe(9);
});

test('after a long life the first pause is short again', async () => {
  const { start, clock, driver } = scripted(new HeldHandler().handle);
  await start();
  driver.current.crash(new Error('one'));
  await clock.pass(600);
  driver.current.crash(new Error('two'));
  await clock.pass(1_100);
  driver.current.assign(p0);
  await clock.pass(60_001);
  driver.current.crash(new Error('three'));
  await clock.pass(499);
  expect(driver.consumers).toHaveLength(3);
  await clock.pass(1);
  expect(driver.consumers).toHaveLength(4);
});

test('a driver that cannot make a consumer at all says so at the start', () => {
  const { driver, subscription } = scripted(() => undefined);
  driver.consumer = () => {
    throw new TypeError('sessionTimeoutMs is too short');
  };
  expect(() => subscription.start()).toThrow('sessionTimeoutMs is too short');
});

test('a driver that fails to make a later consumer is asked again', async () => {
  const { start, clock, driver, subscription } = scripted(new HeldHandler().handle);
  await start();
  const make = driver.consumer.bind(driver);
  driver.consumer = () => {
    throw new Error('not now');
  };
  driver.current.crash(new Error('gone'));
  await clock.pass(10_000);
  expect(subscription.health().reasons).toEqual([
    'the consumer ended and is started again: not now',
  ]);
  driver.consumer = make;
  await clock.pass(30_000);
  driver.current.assign(p0);
  expect(subscription.health().status).toBe('up');
});

test('trouble that the driver overcomes by itself is told for half a minute', async () => {
  const { start, clock, driver, subscription } = scripted(new HeldHandler().handle);
  await start();
  driver.current.trouble(new Error('a broker is away'));
  expect(subscription.health()).toMatchObject({
    status: 'degraded',
    reasons: ['a broker is away'],
  });
  await clock.pass(29_999);
  expect(subscription.health().status).toBe('degraded');
  await clock.pass(1);
  expect(subscription.health().status).toBe('up');
});
