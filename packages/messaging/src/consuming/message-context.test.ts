import { expect, test } from 'vitest';
import { textRecord } from '../testing/scripted-driver.ts';
import { p0, scripted, scriptedBatches } from '../testing/scripted-subscription.ts';
import type { MessageContext } from './message-context.ts';
import type { Middleware } from './middleware.ts';

/** The context of a message with these headers. */
async function contextOf(...headers: [string, Uint8Array | null][]): Promise<MessageContext> {
  const seen: MessageContext[] = [];
  const { start, driver, clock } = scripted((_, ctx) => void seen.push(ctx));
  await start();
  driver.current.deliver(p0, [textRecord(4, 'ключ', '"1"', headers)]);
  await clock.pass(0);
  const [ctx] = seen;
  if (!ctx) throw new Error('the handler was not called');
  return ctx;
}

test('tells everything of a message', async () => {
  const ctx = await contextOf(
    ['lang', Buffer.from('de')],
    ['lang', Buffer.from('fr')],
    ['none', null],
    ['x-deadline', Buffer.from('1234')],
  );
  expect(ctx).toMatchObject({
    key: 'ключ',
    topic: 't',
    partition: 0,
    offset: 4,
    timestamp: 1_004,
    group: 'g',
    attempt: 1,
    deadline: 1_234,
  });
  expect(ctx.headers).toEqual({ lang: 'fr', 'x-deadline': '1234' });
  expect(ctx.record.headers).toHaveLength(4);
});

test('cannot be changed', async () => {
  const ctx = await contextOf(['lang', Buffer.from('de')]);
  expect(() => Object.assign(ctx, { attempt: 7 })).toThrow(TypeError);
  expect(() => Object.assign(ctx.headers, { lang: 'fr' })).toThrow(TypeError);
  expect(Reflect.get(ctx.headers, 'constructor')).toBeUndefined();
  expect(ctx.deadline).toBeUndefined();
});

test('middleware goes around the handler, the first outermost, and sees its error', async () => {
  const seen: string[] = [];
  const layer =
    (name: string): Middleware =>
    async (ctx, next) => {
      seen.push(`${name} ${ctx.partition}/${ctx.attempt}`);
      await next().catch((error) => {
        seen.push(`${name} ${error.message}`);
        throw error;
      });
    };
  const { start, deliver, subscription } = scripted(
    async () => {
      seen.push('handler');
      throw new Error('no');
    },
    { middleware: [layer('one'), layer('two')] },
  );
  await start();
  await deliver('a:1');
  expect(seen).toEqual(['one 0/1', 'two 0/1', 'handler', 'two no', 'one no']);
  expect(subscription.stats().failed).toBe(1);
});

test('a middleware that calls no next handles the message itself', async () => {
  const seen: string[] = [];
  const { start, deliver, subscription } = scripted((message) => void seen.push(message), {
    middleware: [(ctx, next) => ('key' in ctx && ctx.key === 'skip' ? undefined : next())],
  });
  await start();
  await deliver('skip:1', 'a:2');
  expect(seen).toEqual(['2']);
  expect(subscription.stats().handled).toBe(2);
});

test('a middleware that calls next twice fails rather than handle the message twice', async () => {
  const seen: string[] = [];
  const { start, deliver, subscription } = scripted((message) => void seen.push(message), {
    middleware: [
      async (_, next) => {
        await next();
        await next();
      },
    ],
  });
  await start();
  await deliver('a:1');
  expect(seen).toEqual(['1']);
  expect(subscription.stats()).toMatchObject({ failed: 1, handled: 0 });
});

test('around a batch middleware is called once', async () => {
  const sizes: number[] = [];
  const { start, deliver } = scriptedBatches(() => undefined, {
    maxSize: 2,
    middleware: [
      (ctx, next) => {
        if ('size' in ctx) sizes.push(ctx.size);
        return next();
      },
    ],
  });
  await start();
  await deliver('1', '2');
  expect(sizes).toEqual([2]);
});

test('the signal of a call that nobody asked for before it was aborted is aborted', async () => {
  const seen: MessageContext[] = [];
  const { start, deliver, driver } = scripted((_, ctx) => {
    seen.push(ctx);
    return new Promise(() => undefined);
  });
  await start();
  await deliver('a:1');
  driver.current.lose();
  expect(seen[0]?.signal.aborted).toBe(true);
});
