import { expect, test } from 'vitest';
import { HeldHandler, p0, scripted } from '../testing/scripted-subscription.ts';

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
