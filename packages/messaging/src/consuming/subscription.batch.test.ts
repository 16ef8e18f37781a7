import { expect, test } from 'vitest';
import { PoisonError } from '../errors.ts';
import { textRecord } from '../testing/scripted-driver.ts';
import { p0, scriptedBatches } from '../testing/scripted-subscription.ts';
import { headerNames, headerText } from '../topics/headers.ts';
import type { BatchContext, BatchMessage } from './message-context.ts';

const p1 = { topic: 't', partition: 1 };
const texts = (batch: readonly BatchMessage<string>[]) =>
  batch.map(({ message }) => message).join('');

/** A handler that says what it got, and fails as told. */
function recording(fail: (batch: string) => unknown = () => undefined) {
  const seen: string[] = [];
  const handle = async (batch: readonly BatchMessage<string>[]) => {
    seen.push(texts(batch));
    const error = fail(texts(batch));
    if (error) throw error;
  };
  return { seen, handle };
}

test('hands over what is there when the batch is full, and the rest after the wait', async () => {
  const { seen, handle } = recording();
  const { start, deliver, clock, driver } = scriptedBatches(handle, { maxSize: 3, maxWaitMs: 50 });
  await start();
  await deliver('a:1', 'b:2', 'a:3', '4', '5');
  expect(seen).toEqual(['123']);
  await clock.pass(49);
  expect(seen).toEqual(['123']);
  await clock.pass(1);
  expect(seen).toEqual(['123', '45']);
  await clock.pass(1_000);
  expect(driver.current.committed(p0)).toBe(5);
  expect(clock.timers).toBe(1);
});

test('a batch that becomes full leaves at once, and with no wait everything that is there does', async () => {
  const { seen, handle } = recording();
  const waiting = scriptedBatches(handle, { maxSize: 2, maxWaitMs: 1_000 });
  await waiting.start();
  await waiting.deliver('1');
  expect(seen).toEqual([]);
  await waiting.deliver('2');
  expect(seen).toEqual(['12']);
  const atOnce = scriptedBatches(handle, { maxWaitMs: 0 });
  await atOnce.start();
  await atOnce.deliver('3');
  expect(seen).toEqual(['12', '3']);
});

test('batches of a partition follow each other, those of two partitions run at once', async () => {
  const calls: string[] = [];
  const open: (() => void)[] = [];
  const { start, deliver, clock, driver } = scriptedBatches(
    (batch) => {
      calls.push(texts(batch));
      return new Promise<void>((resolve) => open.push(resolve));
    },
    { maxSize: 2, maxWaitMs: 10 },
  );
  await start();
  driver.current.assign(p0, p1);
  await deliver('1', '2', '3');
  driver.current.deliver(p1, [textRecord(0, 'a', '"x"'), textRecord(1, 'a', '"y"')]);
  await clock.pass(10);
  expect(calls).toEqual(['12', 'xy']);
  open[0]?.();
  await clock.pass(0);
  expect(calls).toEqual(['12', 'xy', '3']);
});

test('tells each message its place and the batch its facts', async () => {
  const got: [readonly BatchMessage<string>[], BatchContext][] = [];
  const { start, driver, clock } = scriptedBatches((batch, ctx) => void got.push([batch, ctx]), {
    maxSize: 2,
  });
  await start();
  const header = ['lang', Buffer.from('de')] as const;
  driver.current.deliver(p0, [
    textRecord(3, 'a', '"1"', [header]),
    textRecord(9, undefined, '"2"'),
  ]);
  await clock.pass(0);
  const [[batch, ctx] = []] = got;
  expect(batch?.[0]).toMatchObject({
    message: '1',
    key: 'a',
    offset: 3,
    timestamp: 1_003,
    headers: { lang: 'de' },
  });
  expect(batch?.[1]).toMatchObject({ message: '2', key: null, offset: 9 });
  expect(ctx).toMatchObject({ attempt: 1, topic: 't', partition: 0, group: 'g', size: 2 });
  expect(ctx?.signal.aborted).toBe(false);
});

test('a failed batch is tried again as it was, and messages that came meanwhile wait', async () => {
  let calls = 0;
  const { seen, handle } = recording(() => {
    calls += 1;
    return calls === 1 ? new Error('once') : undefined;
  });
  const { start, deliver, clock } = scriptedBatches(handle, {
    maxSize: 3,
    maxWaitMs: 10,
    retry: { attempts: 2, backoffMs: 100 },
  });
  await start();
  await deliver('1', '2');
  await clock.pass(10);
  await deliver('3');
  await clock.pass(100);
  await clock.pass(10);
  expect(seen).toEqual(['12', '12', '3']);
});

test('messages that come while a failed batch waits for a free place do not join it', async () => {
  let calls = 0;
  const seen: string[] = [];
  const open: (() => void)[] = [];
  const { start, deliver, clock, driver } = scriptedBatches(
    (batch) => {
      seen.push(texts(batch));
      calls += 1;
      if (calls === 1) throw new Error('once');
      return new Promise<void>((resolve) => open.push(resolve));
    },
    { maxSize: 3, maxWaitMs: 0, concurrency: 1, retry: { attempts: 2, backoffMs: 100 } },
  );
  await start();
  driver.current.assign(p0, p1);
  await deliver('1');
  driver.current.deliver(p1, [textRecord(0, 'a', '"x"')]);
  await clock.pass(100);
  await deliver('2');
  open[0]?.();
  await clock.pass(0);
  expect(seen).toEqual(['1', 'x', '1']);
});

test('only the messages at fault become dead letters', async () => {
  const { seen, handle } = recording((batch) =>
    batch.includes('4') ? new PoisonError('not 4') : undefined,
  );
  const { start, deliver, clock, driver, producer, subscription } = scriptedBatches(handle, {
    maxSize: 8,
  });
  await start();
  await deliver('1', '2', '3', '4', '5', '6', '7', '8');
  expect(seen).toEqual(['12345678', '1234', '12', '34', '3', '4', '5678']);
  expect(producer.written.map(({ record }) => String(record.value))).toEqual(['"4"']);
  expect(subscription.stats()).toMatchObject({ handled: 7, deadLettered: 1 });
  await clock.pass(1_000);
  expect(driver.current.committed(p0)).toBe(8);
});

test('after its last call a batch is taken apart, and each part is called for once more', async () => {
  const { seen, handle } = recording((batch) =>
    batch.includes('2') ? new Error('no') : undefined,
  );
  const { start, deliver, clock, producer } = scriptedBatches(handle, {
    maxSize: 2,
    retry: { attempts: 2, backoffMs: 100 },
  });
  await start();
  await deliver('1', '2');
  await clock.pass(100);
  expect(seen).toEqual(['12', '12', '1', '2']);
  expect(headerText(producer.written[0]?.record.headers ?? [], headerNames.attempts)).toBe('2');
});

test('a message that cannot be read does not spoil the others', async () => {
  const { seen, handle } = recording();
  const { start, driver, clock, producer } = scriptedBatches(handle, { maxSize: 3 });
  await start();
  driver.current.deliver(p0, [
    textRecord(0, 'a', '"1"'),
    textRecord(1, 'a', '{'),
    textRecord(2, 'a', '"3"'),
  ]);
  await clock.pass(0);
  expect(seen).toEqual(['1', '3']);
  expect(producer.written).toHaveLength(1);
});

test('a batch that waits for company is dropped when the partition is given up', async () => {
  const { seen, handle } = recording();
  const { start, deliver, clock, subscription } = scriptedBatches(handle, { maxWaitMs: 100 });
  await start();
  await deliver('1');
  await subscription.close({ timeoutMs: 1_000 });
  expect(clock.timers).toBe(0);
  await clock.pass(1_000);
  expect(seen).toEqual([]);
});
