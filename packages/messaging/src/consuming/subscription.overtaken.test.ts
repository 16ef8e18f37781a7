import { expect, test } from 'vitest';
import { textRecord } from '../testing/scripted-driver.ts';
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

test('what was overtaken before an earlier message began is handled as well', async () => {
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
