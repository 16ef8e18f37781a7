import { describe, expect, test, vi } from 'vitest';
import { Part, type Running } from './part.ts';

/** A process that ends when the test says so. */
function fakeProcess() {
  const { promise: exited, resolve: end } = Promise.withResolvers<string>();
  const stop = vi.fn(async () => end('stopped'));
  return { exited, end, stop };
}

/** Time that passes only when the test says so. */
function manualTime() {
  let nowMs = 0;
  let pause: { ms: number; end: () => void } | undefined;
  return {
    now: () => nowMs,
    pass: (ms: number) => {
      nowMs += ms;
    },
    wait: (ms: number, signal: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        pause = { ms, end: resolve };
      }),
    /** Waits for the next pause, ends it and says how long it would have been. */
    endPause: async () => {
      const { ms, end } = await vi.waitUntil(() => pause, { interval: 1 });
      pause = undefined;
      end();
      return ms;
    },
    pausing: () => pause !== undefined,
  };
}

function setUp(start: (signal: AbortSignal) => Promise<Running>) {
  const time = manualTime();
  const said: string[] = [];
  const part = new Part({ name: 'service', start, say: (line) => said.push(line), time });
  return { part, time, said };
}

describe('a part of the house', () => {
  test('starts once however often it is asked', async () => {
    const start = vi.fn(async () => fakeProcess());
    const { part } = setUp(start);
    await Promise.all([part.start(), part.start()]);
    expect(start).toHaveBeenCalledTimes(1);
    expect(part.state).toBe('running');
  });

  test('stays stopped, and says why, when its start fails', async () => {
    const { part } = setUp(() => Promise.reject(new Error('no such file')));
    await expect(part.start()).rejects.toThrow('no such file');
    expect(part.state).toBe('stopped');
  });

  test('is not started again when it was stopped on purpose', async () => {
    const process = fakeProcess();
    const start = vi.fn(async () => process);
    const { part, time, said } = setUp(start);
    await part.start();
    await part.stop();
    await process.exited;
    expect(process.stop).toHaveBeenCalledTimes(1);
    expect(part.state).toBe('stopped');
    expect(time.pausing()).toBe(false);
    expect(said).toEqual([]);
  });

  test('can be stopped when it never ran', async () => {
    const { part } = setUp(async () => fakeProcess());
    await part.stop();
    expect(part.state).toBe('stopped');
  });

  test('can be stopped and started at once; the order of asking is the order of doing', async () => {
    const processes = [fakeProcess(), fakeProcess()];
    const next = [...processes];
    const { part } = setUp(async () => next.shift() ?? fakeProcess());
    await part.start();
    await Promise.all([part.stop(), part.start()]);
    expect(part.state).toBe('running');
    expect(processes.map(({ stop }) => stop.mock.calls.length)).toEqual([1, 0]);
  });

  test('is started again after it ended by itself, and both is said', async () => {
    const processes = [fakeProcess(), fakeProcess()];
    const next = [...processes];
    const { part, time, said } = setUp(async () => next.shift() ?? fakeProcess());
    await part.start();
    processes[0]?.end('exit code 1');
    await vi.waitUntil(() => part.state === 'restarting', { interval: 1 });
    await time.endPause();
    await vi.waitUntil(() => part.state === 'running', { interval: 1 });
    await vi.waitUntil(() => said.length === 2, { interval: 1 });
    expect(part.restarts).toBe(1);
    expect(said).toEqual([
      'service ended by itself (exit code 1); starting it again in 0.5 s',
      'service is back',
    ]);
  });

  test('waits twice as long before each further start, up to 10 s', async () => {
    const first = fakeProcess();
    const start = vi.fn<() => Promise<Running>>().mockResolvedValueOnce(first);
    start.mockRejectedValue(new Error('still broken'));
    const { part, time } = setUp(start);
    await part.start();
    first.end('exit code 1');
    const pauses: number[] = [];
    for (let i = 0; i < 7; i++) pauses.push(await time.endPause());
    expect(pauses).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    await part.stop();
  });

  test('waits briefly again once it has lasted a minute', async () => {
    const running: ReturnType<typeof fakeProcess>[] = [];
    const { part, time } = setUp(async () => {
      const process = fakeProcess();
      running.push(process);
      return process;
    });
    const endAfter = async (ms: number) => {
      await vi.waitUntil(() => part.state === 'running', { interval: 1 });
      time.pass(ms);
      running.at(-1)?.end('exit code 1');
      return time.endPause();
    };
    await part.start();
    expect(await endAfter(1)).toBe(500);
    expect(await endAfter(59_999)).toBe(1000);
    expect(await endAfter(60_000)).toBe(500);
    await part.stop();
  });

  test('is not started again once it was stopped during the pause', async () => {
    const first = fakeProcess();
    const start = vi.fn(async () => first);
    const { part, time } = setUp(start);
    await part.start();
    first.end('exit code 1');
    await vi.waitUntil(() => time.pausing(), { interval: 1 });
    await part.stop();
    await time.endPause();
    expect(part.state).toBe('stopped');
    expect(start).toHaveBeenCalledTimes(1);
  });

  test('starts at once when it is asked to during the pause', async () => {
    const processes = [fakeProcess(), fakeProcess()];
    const start = vi.fn(async () => processes[start.mock.calls.length - 1] ?? fakeProcess());
    const { part, time } = setUp(start);
    await part.start();
    processes[0]?.end('exit code 1');
    await vi.waitUntil(() => time.pausing(), { interval: 1 });
    await part.start();
    expect(part.state).toBe('running');
    await time.endPause();
    expect(start).toHaveBeenCalledTimes(2);
  });

  test('tells a start in progress that nobody wants it any more', async () => {
    const { part } = setUp(
      (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
    );
    const starting = part.start();
    await vi.waitUntil(() => part.state === 'starting', { interval: 1 });
    await Promise.all([part.stop(), expect(starting).rejects.toThrow()]);
    expect(part.state).toBe('stopped');
  });
});
