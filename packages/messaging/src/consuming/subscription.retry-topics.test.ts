import { expect, test } from 'vitest';
import type { RawRecord } from '../record.ts';
import { textRecord } from '../testing/scripted-driver.ts';
import { p0, scripted } from '../testing/scripted-subscription.ts';
import { headerNames, headerNumber, headerText } from '../topics/headers.ts';
import type { MessageContext } from './message-context.ts';

const retry = { attempts: 4, backoffMs: [1_000, 60_000], topics: true };
const retry1 = { topic: 't.g.retry.1', partition: 3 };
const retry2 = { topic: 't.g.retry.2', partition: 3 };

/** A handler that always fails, and what it was given. */
function failing() {
  const calls: MessageContext[] = [];
  const handle = async (_: string, ctx: MessageContext) => {
    calls.push(ctx);
    throw new Error('no');
  };
  return { calls, handle };
}

/** A record as it comes back from the topic to which it was written. */
const stored = (record: RawRecord | undefined, offset: number) => {
  if (!record) throw new Error('nothing was written');
  return { ...record, offset };
};

test('reads its own topic and a retry topic for each step of the back-off', async () => {
  const { start, driver } = scripted(() => undefined, { retry });
  await start();
  expect(driver.current.options.topics).toEqual(['t', 't.g.retry.1', 't.g.retry.2']);
});

test('a failed message moves through the retry topics to the dead letters, and others of its key overtake it', async () => {
  const { calls, handle } = failing();
  const { start, deliver, clock, driver, producer, subscription } = scripted(handle, { retry });
  await start();
  await deliver('a:1', 'a:2');
  expect(calls.map(({ offset }) => offset)).toEqual([0, 1]);
  expect(producer.written.map(({ topic }) => topic)).toEqual(['t.g.retry.1', 't.g.retry.1']);

  driver.current.assign(p0, retry1, retry2);
  let begun = clock.wall();
  for (const [at, waitMs] of [
    [retry1, 1_000],
    [retry2, 60_000],
    [retry2, 60_000],
  ] as const) {
    const last = producer.written.at(-1);
    expect(last?.topic).toBe(at.topic);
    const due = headerNumber(last?.record.headers ?? [], headerNames.notBefore) ?? 0;
    expect(due - begun).toBe(waitMs);
    const before = calls.length;
    driver.current.deliver(at, [stored(last?.record, before)]);
    await clock.pass(due - clock.wall() - 1);
    expect(calls).toHaveLength(before);
    await clock.pass(1);
    expect(calls).toHaveLength(before + 1);
    begun = clock.wall();
  }
  const ctx = calls.at(-1);
  expect(ctx).toMatchObject({ topic: 't', partition: 0, offset: 1, timestamp: 1_001, attempt: 4 });
  const letter = producer.written.at(-1);
  expect(letter?.topic).toBe('t.dlq');
  const header = (name: string) => headerText(letter?.record.headers ?? [], name);
  expect(header(headerNames.originalTopic)).toBe('t');
  expect(header(headerNames.originalOffset)).toBe('1');
  expect(header(headerNames.attempts)).toBe('4');
  expect(header(headerNames.notBefore)).toBeUndefined();
  const names = letter?.record.headers.map(([name]) => name) ?? [];
  expect(new Set(names).size).toBe(names.length);
  expect(subscription.stats()).toMatchObject({ retried: 4, deadLettered: 1, handled: 0 });
});

test('in a retry topic the first waits and those behind it wait with it, on one timer', async () => {
  const { calls, handle } = failing();
  const { start, clock, driver } = scripted(handle, { retry, buffer: { maxRecords: 3 } });
  await start();
  driver.current.assign(p0, retry1);
  const due = (ms: number) =>
    [headerNames.notBefore, Buffer.from(String(clock.wall() + ms))] as const;
  const timers = clock.timers;
  driver.current.deliver(retry1, [
    textRecord(0, 'a', '"1"', [due(1_000)]),
    textRecord(1, 'b', '"2"', [due(1_000)]),
    textRecord(2, 'c', '"3"', [due(5_000)]),
  ]);
  expect(clock.timers).toBe(timers + 1);
  expect([...driver.current.paused]).toEqual(['t.g.retry.1/3']);
  await clock.pass(1_000);
  expect(calls.map(({ offset }) => offset)).toEqual([0, 1]);
  await clock.pass(4_000);
  expect(calls).toHaveLength(3);
});

test.each([-3_600_000, 3_600_000])(
  'a message in a retry topic waits no longer than its back-off when the time of day jumps by %s ms',
  async (jump) => {
    const { calls, handle } = failing();
    const { start, clock, driver } = scripted(handle, {
      retry: { topics: true, backoffMs: [2_000] },
    });
    await start();
    driver.current.assign(p0, retry1);
    const due = () => [headerNames.notBefore, Buffer.from(String(clock.wall() + 2_000))] as const;
    driver.current.deliver(retry1, [textRecord(0, 'a', '"1"', [due()])]);
    const early = due();
    clock.setWallBy(jump);
    driver.current.deliver(retry1, [textRecord(1, 'b', '"2"', [early])]);
    await clock.pass(1_999);
    expect(calls).toEqual([]);
    await clock.pass(1);
    expect(calls).toHaveLength(2);
  },
);

test('what waits in a retry topic is dropped when the partition is given up', async () => {
  const { calls, handle } = failing();
  const { start, clock, driver, subscription } = scripted(handle, { retry });
  await start();
  driver.current.assign(p0, retry1);
  const due = [headerNames.notBefore, Buffer.from(String(clock.wall() + 1_000))] as const;
  driver.current.deliver(retry1, [textRecord(0, 'a', '"1"', [due])]);
  await subscription.close({ timeoutMs: 1_000 });
  expect(clock.timers).toBe(0);
  await clock.pass(5_000);
  expect(calls).toEqual([]);
});
