import { describe, expect, test } from 'vitest';
import { createBatcher } from './index.ts';
import { Pace } from './pace.ts';
import { manualClock, scriptedBackend } from './testing/index.ts';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('the pace', () => {
  function crowdedAt(nowMs: number, slots = 4): Pace {
    const pace = new Pace(slots);
    pace.arrived(0, 8);
    pace.crowded();
    pace.left(nowMs);
    return pace;
  }

  test('keeps a distance of service time / slots between departures', () => {
    const pace = crowdedAt(100);
    expect([100, 101, 102, 103].map((nowMs) => pace.waitMs(nowMs))).toEqual([2, 1, 0, 0]);
  });

  test('asks for nothing once no batch has wanted for a slot for one service time', () => {
    const pace = crowdedAt(100);
    pace.left(107);
    expect(pace.waitMs(107)).toBe(2);
    expect(pace.waitMs(108)).toBe(0);
  });

  test('need not be told of departures again once a service time has passed since', () => {
    const pace = crowdedAt(100);
    pace.left(107);
    expect(pace.isCalm).toBe(false);
    pace.left(108);
    expect(pace.isCalm).toBe(true);
  });

  test('asks for nothing where it was never crowded, or where there is one slot', () => {
    const calm = new Pace(4);
    calm.arrived(0, 8);
    calm.left(100);
    expect(calm.waitMs(100)).toBe(0);
    expect(crowdedAt(100, 1).waitMs(100)).toBe(0);
  });

  test('follows what is quicker at once, and what is slower step by step', () => {
    const pace = crowdedAt(100);
    pace.arrived(0, 4);
    expect(pace.waitMs(100)).toBe(1);
    pace.arrived(0, 1_000);
    expect(pace.waitMs(100)).toBeCloseTo(1.1);
    pace.arrived(0, 0);
    for (let i = 0; i < 100; i += 1) pace.arrived(0, 8);
    expect(pace.waitMs(100)).toBe(2);
  });
});

describe('slots that become free together after a crowd', () => {
  async function crowded(options: object = {}) {
    const clock = manualClock();
    const backend = scriptedBackend<number>();
    const base = { process: backend.process, maxSize: 3, concurrency: 2, clock };
    const batcher = createBatcher<number, number>({ ...base, ...options });
    for (const item of [1, 2, 3]) {
      void batcher.add(item);
      await nextTurn();
    }
    clock.advance(10);
    for (const call of backend.calls) call.resolve([...call.items]);
    await nextTurn();
    return { clock, backend, batcher };
  }

  test('are not given to one item each: what comes next gathers for half a service time', async () => {
    const { clock, backend, batcher } = await crowded();
    expect(backend.sent).toEqual([[1], [2], [3]]);
    void batcher.add(4);
    await nextTurn();
    void batcher.add(5);
    clock.advance(4);
    await nextTurn();
    expect(backend.sent).toHaveLength(3);
    expect(clock.timers).toBe(2);
    clock.advance(1);
    await nextTurn();
    expect(backend.sent[3]).toEqual([4, 5]);
  });

  test('are given to full batches at once', async () => {
    const { backend, batcher } = await crowded();
    for (const item of [4, 5, 6]) void batcher.add(item);
    await nextTurn();
    expect(backend.sent[3]).toEqual([4, 5, 6]);
  });
});
