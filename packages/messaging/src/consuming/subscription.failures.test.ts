import { expect, test } from 'vitest';
import { FatalError, PoisonError, RetryableError } from '../errors.ts';
import { textRecord } from '../testing/scripted-driver.ts';
import { HeldHandler, p0, scripted } from '../testing/scripted-subscription.ts';
import { headerNames, headerText } from '../topics/headers.ts';

const retry = { attempts: 3, backoffMs: [100, 1_000] };

/** A handler that fails with these, one for each call, and then succeeds. */
function failing(...errors: unknown[]) {
  const calls: [message: string, attempt: number][] = [];
  const handle = async (message: string, ctx: { attempt: number }) => {
    calls.push([message, ctx.attempt]);
    if (errors.length > 0 && message !== 'fine') throw errors.shift();
  };
  return { calls, handle };
}

test('tries again in place after the times given, and only its key waits', async () => {
  const { calls, handle } = failing(new Error('one'), new RetryableError('two'));
  const { start, deliver, clock, driver } = scripted(handle, { retry });
  await start();
  await deliver('a:1', 'a:2', 'b:fine');
  expect(calls).toEqual([
    ['1', 1],
    ['fine', 1],
  ]);
  await clock.pass(99);
  expect(calls).toHaveLength(2);
  await clock.pass(1);
  expect(calls[2]).toEqual(['1', 2]);
  await clock.pass(999);
  expect(calls).toHaveLength(3);
  await clock.pass(1);
  expect(calls.slice(3)).toEqual([
    ['1', 3],
    ['2', 1],
  ]);
  await clock.pass(1_000);
  expect(driver.current.committed(p0)).toBe(3);
});

test('a message that waits for its next call takes no place of another', async () => {
  const { calls, handle } = failing(new Error('one'));
  const { start, deliver } = scripted(handle, { retry, concurrency: 1 });
  await start();
  await deliver('a:1', 'b:fine');
  expect(calls).toEqual([
    ['1', 1],
    ['fine', 1],
  ]);
});

test('after the last call the message goes to the dead letters as it was, and why is said beside it', async () => {
  const error = Object.assign(new TypeError(`no ${'x'.repeat(5_000)}`), { code: 'E_NO' });
  const { handle } = failing(error, error, error);
  const { start, clock, driver, producer } = scripted(handle, { retry });
  await start();
  const header = ['trace', Buffer.from([1, 255])] as const;
  driver.current.deliver(p0, [textRecord(7, 'a', '"1"', [header])]);
  await clock.pass(1_100);
  const [letter] = producer.written;
  expect(letter?.topic).toBe('t.dlq');
  expect(letter?.record).toMatchObject({
    key: Buffer.from('a'),
    value: Buffer.from('"1"'),
    timestamp: clock.wall(),
  });
  expect(letter?.record.headers[0]).toBe(header);
  const told = letter?.record.headers
    .slice(1)
    .map(([name]) => [name, headerText(letter.record.headers, name)?.slice(0, 500)]);
  expect(told).toEqual([
    [headerNames.originalTopic, 't'],
    [headerNames.originalPartition, '0'],
    [headerNames.originalOffset, '7'],
    [headerNames.originalTimestamp, '1007'],
    [headerNames.group, 'g'],
    [headerNames.attempts, '3'],
    [headerNames.errorName, 'TypeError'],
    [headerNames.errorMessage, `no ${'x'.repeat(497)}`],
    [headerNames.errorCode, 'E_NO'],
  ]);
  expect(headerText(letter?.record.headers ?? [], headerNames.errorMessage)).toHaveLength(500);
  await clock.pass(1_000);
  expect(driver.current.committed(p0)).toBe(8);
});

test('poison goes to the dead letters at once, and its key goes on', async () => {
  const { calls, handle } = failing(new PoisonError('never'));
  const { start, deliver, producer, subscription } = scripted(handle, { retry });
  await start();
  await deliver('a:1', 'a:2');
  expect(calls).toEqual([
    ['1', 1],
    ['2', 1],
  ]);
  expect(producer.written.map(({ topic }) => topic)).toEqual(['t.dlq']);
  expect(subscription.stats()).toMatchObject({ handled: 1, failed: 1, deadLettered: 1 });
});

test('a message that does not fit its topic is dead-lettered without a call of the handler', async () => {
  const { calls, handle } = failing();
  const { start, clock, driver, producer } = scripted(handle, { retry });
  await start();
  driver.current.deliver(p0, [textRecord(0, 'a', '{'), textRecord(1, 'a', '42')]);
  await clock.pass(0);
  expect(calls).toEqual([]);
  const codes = producer.written.map(({ record }) =>
    headerText(record.headers, headerNames.errorCode),
  );
  expect(codes).toEqual(['ERR_MESSAGING_SCHEMA', 'ERR_MESSAGING_SCHEMA']);
});

test('classify says what an error means, before its class does', async () => {
  const poison = Object.assign(new Error('bad'), { status: 422 });
  const { calls, handle } = failing(poison, new PoisonError('not really'));
  const { start, deliver, clock, producer } = scripted(handle, {
    retry,
    classify: (error) => {
      if (error === poison) return 'poison';
      return error instanceof PoisonError ? 'retryable' : undefined;
    },
  });
  await start();
  await deliver('a:1', 'a:2');
  await clock.pass(100);
  expect(calls).toEqual([
    ['1', 1],
    ['2', 1],
    ['2', 2],
  ]);
  expect(producer.written).toHaveLength(1);
});

test('a classify that throws has said nothing', async () => {
  const { calls, handle } = failing(new Error('one'));
  const { start, deliver, clock } = scripted(handle, {
    retry,
    classify: () => {
      throw new Error('mistake');
    },
  });
  await start();
  await deliver('a:1');
  await clock.pass(100);
  expect(calls).toHaveLength(2);
});

test.each([
  [undefined],
  [null],
  ['text'],
  [Object.create(null)],
  [
    new Proxy(
      {},
      {
        get: () => {
          throw new Error('trap');
        },
      },
    ),
  ],
])('whatever is thrown is a failure (%#)', async (thrown) => {
  const { handle } = failing(thrown);
  const { start, deliver, producer } = scripted(handle, { retry: { attempts: 1 } });
  await start();
  await deliver('a:1');
  expect(producer.written).toHaveLength(1);
});

test('as long as the dead letter cannot be written nothing is committed, and no more is read', async () => {
  const { handle } = failing(new PoisonError('never'));
  const { start, deliver, clock, driver, producer, subscription } = scripted(handle, { retry });
  await start();
  producer.error = new Error('no leader');
  await deliver('a:1', 'b:2');
  await clock.pass(60_000);
  expect(driver.current.commits).toEqual([]);
  expect(driver.current.paused.size).toBe(1);
  expect(subscription.health()).toMatchObject({
    status: 'degraded',
    reasons: ['"t.dlq" cannot be written: no leader'],
  });
  producer.error = undefined;
  await clock.pass(31_000);
  expect(driver.current.committed(p0)).toBe(2);
  expect(driver.current.paused.size).toBe(0);
  expect(producer.written).toHaveLength(1);
  expect(subscription.health()).toMatchObject({ status: 'up', reasons: [] });
});

test('stop ends while a dead letter waits to be written, and the message stays', async () => {
  const { handle } = failing(new PoisonError('never'));
  const { start, deliver, clock, driver, producer, subscription } = scripted(handle, { retry });
  await start();
  producer.error = new Error('no leader');
  await deliver('a:1');
  await subscription.close({ timeoutMs: 10_000 });
  expect(driver.current.commits).toEqual([]);
  expect(clock.timers).toBe(0);
  expect(subscription.health().reasons).toEqual([]);
});

test('stop while a message waits for its next call leaves it uncommitted', async () => {
  const { calls, handle } = failing(new Error('one'));
  const { start, deliver, clock, driver, subscription } = scripted(handle, { retry });
  await start();
  await deliver('a:1', 'a:2');
  await subscription.close({ timeoutMs: 10_000 });
  await clock.pass(10_000);
  expect(calls).toHaveLength(1);
  expect(driver.current.commits).toEqual([]);
  expect(clock.timers).toBe(0);
});

test('without dead letters a message is tried for ever and never skipped, and health names it', async () => {
  const errors = Array.from({ length: 20 }, () => new PoisonError('never'));
  const { calls, handle } = failing(...errors);
  const { start, deliver, clock, driver, producer, subscription } = scripted(handle, {
    retry,
    deadLetter: false,
  });
  await start();
  await deliver('a:1', 'a:2', 'b:fine');
  await clock.pass(60_000);
  expect(driver.current.commits).toEqual([]);
  expect(producer.written).toEqual([]);
  expect(subscription.health()).toMatchObject({
    status: 'degraded',
    reasons: ['"t" partition 0 offset 0 cannot be handled: never'],
  });
  const tried = calls.length;
  expect(tried).toBeGreaterThan(5);
  expect(tried).toBeLessThan(12);
  await clock.pass(600_000);
  expect(calls.at(-1)).toEqual(['2', 1]);
  expect(driver.current.committed(p0)).toBe(3);
  expect(subscription.health().status).toBe('up');
});

test('a fatal error stops the subscription and commits what was done before, not the message', async () => {
  const { calls, handle } = failing(new FatalError('no database of ours'));
  const { start, deliver, clock, driver, producer, subscription } = scripted(handle, { retry });
  await start();
  await deliver('a:fine', 'b:1', 'b:2');
  await clock.pass(60_000);
  expect(calls).toEqual([
    ['fine', 1],
    ['1', 1],
  ]);
  expect(driver.current.committed(p0)).toBe(1);
  expect(producer.written).toEqual([]);
  expect(driver.consumers).toHaveLength(1);
  expect(clock.timers).toBe(0);
  expect(subscription.health()).toMatchObject({
    status: 'down',
    reasons: ['a handler threw a fatal error: no database of ours'],
  });
});

test('a handler that takes too long is told so, counts as failed, and keeps its key until it ends', async () => {
  const handler = new HeldHandler();
  const { start, deliver, clock, subscription } = scripted(handler.handle, {
    retry,
    timeoutMs: 500,
  });
  await start();
  await deliver('a:1', 'b:2');
  await clock.pass(499);
  expect(handler.signals[0]?.aborted).toBe(false);
  handler.end('2');
  await clock.pass(1);
  expect(handler.signals[0]?.reason).toMatchObject({
    code: 'ERR_MESSAGING_HANDLER_TIMEOUT',
    timeoutMs: 500,
  });
  expect(handler.signals[1]?.aborted).toBe(false);
  expect(subscription.health()).toMatchObject({
    status: 'degraded',
    reasons: ['a handler goes on after its time limit of 500 ms'],
  });
  await clock.pass(60_000);
  expect(handler.begun).toEqual(['1', '2']);
  handler.end('1');
  await clock.pass(100);
  expect(handler.begun).toEqual(['1', '2', '1']);
  expect(subscription.stats()).toMatchObject({ timedOut: 1, failed: 1, handled: 1 });
  expect(subscription.health().status).toBe('up');
});
