import { describe, expect, test } from 'vitest';
import { manualClock, scriptedBackend } from './index.ts';

describe('a manual clock', () => {
  test('runs timers at their time and in their order, also those that timers set', () => {
    const clock = manualClock();
    const log: string[] = [];
    const note = (name: string) => () => log.push(`${name} at ${clock.now()}`);
    clock.after(20, note('late'));
    clock.after(10, () => clock.after(5, note('nested')));
    const callOff = clock.after(12, note('never'));
    callOff();
    clock.advance(19);
    expect(log).toEqual(['nested at 15']);
    clock.advance(1);
    expect(log).toEqual(['nested at 15', 'late at 20']);
    expect(clock.timers).toBe(0);
  });

  test('runs them late, in their order, after the loop was blocked', () => {
    const clock = manualClock();
    const log: number[] = [];
    clock.after(20, () => log.push(20, clock.now()));
    clock.after(10, () => log.push(10, clock.now()));
    clock.block(100);
    expect(log).toEqual([10, 100, 20, 100]);
  });
});

describe('a scripted backend', () => {
  const context = { signal: new AbortController().signal };

  test('holds each call until the test answers it', async () => {
    const backend = scriptedBackend<string, number>();
    const results = backend.process(['a'], context);
    const call = await backend.nextCall();
    expect(call.items).toEqual(['a']);
    call.resolve([1]);
    expect(await results).toEqual([1]);
    expect(backend.sent).toEqual([['a']]);
  });

  test('nextCall can wait for a call that is still to come', async () => {
    const backend = scriptedBackend<string, number>();
    const next = backend.nextCall();
    const results = backend.process(['a'], context);
    (await next).reject(new Error('no'));
    await expect(results).rejects.toThrow('no');
  });

  test('answers by itself when it is told how', async () => {
    const backend = scriptedBackend<string, number>((items) => items.map((item) => item.length));
    expect(await backend.process(['a', 'bc'], context)).toEqual([1, 2]);
  });
});
