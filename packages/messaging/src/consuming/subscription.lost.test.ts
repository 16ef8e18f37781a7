import { expect, test } from 'vitest';
import { PoisonError } from '../errors.ts';
import { staleError, textRecord } from '../testing/scripted-driver.ts';
import { HeldHandler, p0, scripted } from '../testing/scripted-subscription.ts';

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
