import { expect, test } from 'vitest';
import { z } from 'zod';
import type { Handler } from './handlers.ts';
import type { SubscribeOptions } from './subscribe-options.ts';
import { singleSubscription } from './subscription.ts';
import { manualClock } from './testing/index.ts';
import { ScriptedDriver, ScriptedProducer, textRecord } from './testing/scripted-driver.ts';
import { defineTopic, type TopicRetry } from './topic.ts';

const p0 = { topic: 't', partition: 0 };

interface Setup extends Partial<SubscribeOptions> {
  readonly retry?: TopicRetry;
  readonly deadLetter?: boolean;
}

function setup(handler: Handler<string>, { retry, deadLetter, ...options }: Setup = {}) {
  const clock = manualClock();
  const driver = new ScriptedDriver();
  const producer = new ScriptedProducer();
  const topic = defineTopic({
    name: 't',
    partitions: 1,
    schema: z.string(),
    ...(retry && { retry }),
    ...(deadLetter !== undefined && { deadLetter }),
  });
  const subscription = singleSubscription({
    driver,
    producer,
    topic,
    handler,
    options: { group: 'g', ...options },
    middleware: [],
    clock,
    random: () => 1,
  });
  return { clock, driver, producer, subscription };
}

/** A handler whose calls end when the test says so. */
function byHand() {
  const open = new Map<string, PromiseWithResolvers<void>>();
  const begun: string[] = [];
  const handler: Handler<string> = (message) => {
    begun.push(message);
    const call = Promise.withResolvers<void>();
    open.set(message, call);
    return call.promise;
  };
  return { handler, begun, end: (message: string) => open.get(message)?.resolve() };
}

const message = (offset: number, key: string | undefined, text: string) =>
  textRecord(offset, key, JSON.stringify(text));

async function started(made: ReturnType<typeof setup>) {
  made.subscription.start();
  await made.clock.pass(0);
  made.driver.current.assign(p0);
  return made;
}

test('handles messages of different keys at once and those of a key one after the other', async () => {
  const { handler, begun, end } = byHand();
  const { clock, driver } = await started(setup(handler));
  driver.current.deliver(p0, [message(0, 'a', 'a1'), message(1, 'a', 'a2'), message(2, 'b', 'b1')]);
  await clock.pass(0);
  expect(begun).toEqual(['a1', 'b1']);
  end('a1');
  await clock.pass(0);
  expect(begun).toEqual(['a1', 'b1', 'a2']);
});

test('commits only below what is not handled, on the interval', async () => {
  const { handler, end } = byHand();
  const { clock, driver } = await started(setup(handler));
  driver.current.deliver(p0, [message(3, 'a', 'a1'), message(7, 'b', 'b1'), message(8, 'c', 'c1')]);
  await clock.pass(0);
  end('b1');
  await clock.pass(1_000);
  expect(driver.current.commits).toEqual([]);
  end('a1');
  await clock.pass(1_000);
  expect(driver.current.commits).toEqual([{ epoch: 1, offsets: [{ ...p0, offset: 8 }] }]);
  end('c1');
  await clock.pass(1_000);
  expect(driver.current.committed(p0)).toBe(9);
});

test('stop waits for what is under way, commits it and leaves what was queued', async () => {
  const { handler, begun, end } = byHand();
  const { clock, driver, subscription } = await started(setup(handler));
  driver.current.deliver(p0, [message(0, 'a', 'a1'), message(1, 'a', 'a2')]);
  await clock.pass(0);
  const stopped = subscription.stop(10_000);
  await clock.pass(0);
  end('a1');
  await stopped;
  expect(begun).toEqual(['a1']);
  expect(driver.current.committed(p0)).toBe(1);
  expect(clock.timers).toBe(0);
  expect(subscription.health().status).toBe('down');
});
