import { expect, test } from 'vitest';
import { FatalError } from '../errors.ts';
import { p0, scripted } from '../testing/scripted-subscription.ts';

test.each([
  ['dead letter', { attempts: 1 }],
  ['move to a retry topic', { attempts: 2, topics: true }],
])(
  'a call that fails because its partition is given up is no reason for a %s',
  async (_, retry) => {
    const aborted = async (message: string, { signal }: { readonly signal: AbortSignal }) => {
      if (message === 'done') return;
      await new Promise<void>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    };
    const made = scripted(aborted, { rebalanceTimeoutMs: 10_000, retry });
    const { start, deliver, clock, driver, producer, subscription } = made;
    await start();
    await deliver('a:done', 'a:1');
    // While the last commit is under way the partition is still held.
    driver.current.onCommit = () => new Promise((resolve) => void clock.after(7_500, resolve));
    const revoked = driver.current.revoke();
    await clock.pass(10_000);
    await revoked;
    expect(producer.written).toEqual([]);
    expect(driver.current.committed(p0)).toBe(1);
    expect(subscription.stats()).toMatchObject({ failed: 0, deadLettered: 0, running: 0 });
  },
);

test('a fatal error waits for nothing but handlers that run', async () => {
  const made = scripted(() => Promise.reject(new FatalError('no disk')));
  await made.start();
  await made.deliver('a:1', 'a:2', 'b:3');
  let isOver = false;
  void made.subscription.close({ timeoutMs: 60_000 }).then(() => {
    isOver = true;
  });
  await made.clock.pass(0);
  expect(isOver).toBe(true);
  expect(made.driver.current.commits).toEqual([]);
});

test.each([-1, 1.5, Number.NaN, '5'])('nothing stops within %s ms', async (timeoutMs) => {
  const { subscription } = scripted(() => undefined);
  const stop = subscription.close({ timeoutMs: Object(timeoutMs).valueOf() });
  await expect(stop).rejects.toThrow('timeoutMs must be a whole number of ms');
});
