import CircuitBreaker from 'opossum';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { OpossumBreaker } from '../src/opossum/index.ts';

// Each test shows a fault of opossum 10 on opossum itself, and the same steps on ours without it.
// The day the first half fails, opossum has mended it.

type Action = (...args: never[]) => Promise<unknown>;
type Circuit = InstanceType<typeof CircuitBreaker<never[], unknown>>;
type Options = CircuitBreaker.Options & { readyToTrip?: () => boolean };

const circuits: Circuit[] = [];
const make = {
  bare: (action: Action, options: Options = {}): Circuit => {
    const circuit = new CircuitBreaker(action, options);
    circuits.push(circuit);
    return circuit;
  },
  ours: (action: Action, options: Options = {}): Circuit => {
    const circuit = new OpossumBreaker<never[], unknown>(action, options);
    circuits.push(circuit);
    return circuit;
  },
};

beforeEach(() => {
  // opossum takes no clock: only its timers can be faked.
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'],
  });
});
afterEach(() => {
  for (const circuit of circuits.splice(0)) circuit.shutdown();
  vi.useRealTimers();
});

const fail = () => Promise.reject(new Error('down'));
const hang = () => new Promise<never>(() => undefined);
const quietly = (call: Promise<unknown>) => call.catch((error: unknown) => error);

/** An action whose calls are settled by hand, in any order. */
function byHand() {
  const calls: PromiseWithResolvers<unknown>[] = [];
  const action = () => {
    const call = Promise.withResolvers<unknown>();
    calls.push(call);
    return call.promise;
  };
  return { calls, action };
}

async function tripped(circuit: Circuit): Promise<void> {
  circuit.open();
  await vi.advanceTimersByTimeAsync(30_001);
}

describe('half-open', () => {
  async function trials(circuit: Circuit, calls: unknown[], callers: number) {
    await tripped(circuit);
    for (let i = 0; i < callers; i += 1) quietly(circuit.fire());
    return calls.length;
  }

  test('lets exactly one call through, where ours lets through as many as must succeed', async () => {
    const bare = byHand();
    const ours = byHand();
    expect(await trials(make.bare(bare.action), bare.calls, 1_000)).toBe(1);
    expect(await trials(make.ours(ours.action), ours.calls, 1_000)).toBe(3);
  });

  test('is closed by the first success, where ours takes three', async () => {
    const states: boolean[] = [];
    for (const each of [make.bare, make.ours]) {
      const circuit = each(async () => 'up');
      await tripped(circuit);
      await circuit.fire();
      states.push(circuit.closed);
      await circuit.fire();
      await circuit.fire();
      expect(circuit.closed).toBe(true);
    }
    expect(states).toEqual([true, false]);
  });

  test('is decided by a result from before it, where ours takes no notice of that', async () => {
    const closed: boolean[] = [];
    for (const each of [make.bare, make.ours]) {
      const { action, calls } = byHand();
      const circuit = each(action, { timeout: false });
      const old = circuit.fire();
      await tripped(circuit);
      calls[0]?.resolve('from long ago');
      await old;
      closed.push(circuit.closed);
    }
    expect(closed).toEqual([true, false]);
  });
});

test('rejects while open put off the next trip, where ours does not count them', async () => {
  const failuresToTrip: number[] = [];
  for (const each of [make.bare, make.ours]) {
    let up = false;
    const options = { rollingCountTimeout: 600_000, volumeThreshold: 3 };
    const circuit = each(async () => (up ? 'up' : fail()), options);
    circuit.open();
    for (let i = 0; i < 50; i += 1) await quietly(circuit.fire());
    await vi.advanceTimersByTimeAsync(30_001);
    up = true;
    for (let i = 0; i < 3; i += 1) await circuit.fire();
    up = false;
    let failures = 0;
    while (circuit.closed) {
      await quietly(circuit.fire());
      failures += 1;
    }
    failuresToTrip.push(failures);
  }
  expect(failuresToTrip[0]).toBeGreaterThan(50);
  expect(failuresToTrip[1]).toBe(3);
});

test('latencies are kept even with percentiles off, where ours keeps none, and a sample with them on', async () => {
  const kept = async (each: typeof make.bare, rollingPercentilesEnabled: boolean) => {
    const circuit = each(async () => 'up', { rollingPercentilesEnabled });
    for (let i = 0; i < 1_500; i += 1) await circuit.fire();
    return circuit.status.window.reduce((sum, bucket) => sum + bucket.latencyTimes.length, 0);
  };
  expect(await kept(make.bare, false)).toBe(1_500);
  expect(await kept(make.ours, false)).toBe(0);
  expect(await kept(make.bare, true)).toBe(1_500);
  expect(await kept(make.ours, true)).toBe(1_000);
});

test('a timeout gives the capacity back while the work goes on, where ours waits for the work', async () => {
  const running: number[] = [];
  for (const each of [make.bare, make.ours]) {
    const { action, calls } = byHand();
    const circuit = each(action, { timeout: 100, capacity: 1, readyToTrip: () => false });
    const first = quietly(circuit.fire());
    await vi.advanceTimersByTimeAsync(100);
    expect(await first).toMatchObject({ code: 'ETIMEDOUT' });
    circuit.close();
    quietly(circuit.fire());
    running.push(calls.length);
  }
  expect(running).toEqual([2, 1]);
});

test('the timeout of one call aborts the signal of all, where in ours each call has its own', async () => {
  const aborted: boolean[][] = [];
  for (const each of [make.bare, make.ours]) {
    const signals: AbortSignal[] = [];
    const action = (signal: AbortSignal) => {
      signals.push(signal);
      return hang();
    };
    const abortController = new AbortController();
    const circuit = each(action, { timeout: 100, abortController });
    quietly(circuit.fire(abortController.signal as never));
    await vi.advanceTimersByTimeAsync(50);
    quietly(circuit.fire(abortController.signal as never));
    await vi.advanceTimersByTimeAsync(50);
    aborted.push(signals.map((signal) => signal.aborted));
  }
  expect(aborted).toEqual([
    [true, true],
    [true, false],
  ]);
});

test('a timeout without a controller cancels nothing, where ours has one for whoever asks', async () => {
  const bare = make.bare(hang, { timeout: 100 });
  expect((bare as { getSignal?: () => unknown }).getSignal?.()).toBeUndefined();
  let signal: AbortSignal | undefined;
  const ours = new OpossumBreaker(
    () => {
      signal = ours.getSignal();
      return hang();
    },
    { timeout: 100 },
  );
  circuits.push(ours);
  quietly(ours.fire());
  await vi.advanceTimersByTimeAsync(100);
  expect(signal?.aborted).toBe(true);
});

test('a refusal of the bulkhead counts as a failure, where ours leaves it out', async () => {
  const opened: boolean[] = [];
  for (const each of [make.bare, make.ours]) {
    const circuit = each(hang, { capacity: 1 });
    for (let i = 0; i < 10; i += 1) quietly(circuit.fire());
    await vi.advanceTimersByTimeAsync(0);
    opened.push(circuit.opened);
    expect(circuit.stats.semaphoreRejections).toBeGreaterThan(0);
  }
  expect(opened).toEqual([true, false]);
});

test('shared options leak results between circuits, where ours copies them', async () => {
  const answers: unknown[] = [];
  for (const each of [make.bare, make.ours]) {
    const shared = { cache: true };
    const users = each(async () => 'a user', shared);
    const orders = each(async () => 'an order', shared);
    await users.fire();
    answers.push(await orders.fire());
  }
  expect(answers).toEqual(['a user', 'an order']);
});

test("a throwing 'failure' listener hangs the call, where ours reports it", async () => {
  vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown) => unhandled.push(error);
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', onUnhandled);
  const settled: boolean[] = [];
  for (const each of [make.bare, make.ours]) {
    const circuit = each(fail);
    circuit.on('failure', () => {
      throw new Error('a listener');
    });
    let done = false;
    quietly(circuit.fire()).then(() => {
      done = true;
    });
    await vi.advanceTimersByTimeAsync(60_000);
    await new Promise((resolve) => setImmediate(resolve));
    settled.push(done);
  }
  process.off('unhandledRejection', onUnhandled);
  for (const other of others) process.on('unhandledRejection', other);
  expect(settled).toEqual([false, true]);
  expect(unhandled.map(String)).toEqual(['Error: a listener']);
});

test('open() revives a circuit that was shut down, where ours stays shut down', async () => {
  const shutdown: boolean[] = [];
  for (const each of [make.bare, make.ours]) {
    const circuit = each(async () => 'up');
    circuit.shutdown();
    circuit.open();
    shutdown.push(circuit.isShutdown);
  }
  expect(shutdown).toEqual([false, true]);
});

test('a health check goes on after shutdown and revives, where ours ends with the circuit', async () => {
  const checks: number[] = [];
  for (const each of [make.bare, make.ours]) {
    const circuit = each(async () => 'up');
    const check = vi.fn(fail);
    circuit.healthCheck(check, 1_000);
    circuit.shutdown();
    await vi.advanceTimersByTimeAsync(5_000);
    checks.push(check.mock.calls.length);
    expect(circuit.isShutdown).toBe(each === make.ours);
  }
  expect(checks).toEqual([6, 1]);
});

test('with a fallback a subclass that counts outcomes never trips, where ours counts further in', async () => {
  class Counting extends CircuitBreaker<never[], unknown> {
    failures = 0;
    override async fire(): Promise<unknown> {
      try {
        return await super.fire();
      } catch (error) {
        this.failures += 1;
        throw error;
      }
    }
  }
  const counting = new Counting(fail, { volumeThreshold: 100 });
  circuits.push(counting);
  counting.fallback(() => 'the fallback');
  const ours = new OpossumBreaker<never[], unknown>(fail, { volumeThreshold: 5 });
  circuits.push(ours);
  ours.fallback(() => 'the fallback');
  for (let i = 0; i < 5; i += 1) {
    expect([await counting.fire(), await ours.fire()]).toEqual(['the fallback', 'the fallback']);
  }
  expect(counting.failures).toBe(0);
  expect(ours.opened).toBe(true);
});

test('its time is only that of real timers, where ours takes a clock', async () => {
  let nowMs = 0;
  const options = { clock: { now: () => nowMs } };
  const halfOpen = [CircuitBreaker, OpossumBreaker].map((Class) => {
    const circuit = new Class(async () => 'up', options as object);
    circuits.push(circuit as Circuit);
    circuit.open();
    nowMs += 30_001;
    return circuit.halfOpen;
  });
  expect(halfOpen).toEqual([false, true]);
});

test('it has two timers as long as it lives, where ours has none', () => {
  const before = vi.getTimerCount();
  make.bare(async () => 'up');
  expect(vi.getTimerCount()).toBe(before + 2);
  make.ours(async () => 'up');
  expect(vi.getTimerCount()).toBe(before + 2);
});
