import { describe, expect, test } from 'vitest';
import { type BreakerRegistryOptions, createBreakerRegistry } from './registry.ts';
import { manualClock } from './testing/manual-clock.ts';

function rig(options: BreakerRegistryOptions = {}) {
  const clock = manualClock();
  const registry = createBreakerRegistry({ ...options, clock });
  return { clock, registry, keys: () => [...registry].map(([key]) => key).sort() };
}

const trip = () => Promise.reject(new Error('down'));

describe('a registry', () => {
  test('gives the same breaker for the same key, named after it', () => {
    const { registry } = rig();
    const a = registry.get('a.example');
    expect(registry.get('a.example')).toBe(a);
    expect(registry.get('b.example')).not.toBe(a);
    expect(a.name).toBe('a.example');
    expect(rig({ options: { name: 'http' } }).registry.get('a').name).toBe('http/a');
  });

  test('lets the options depend on the key', async () => {
    const { registry } = rig({
      options: (key) => (key === 'strict' ? { readyToTrip: () => true } : {}),
    });
    for (const key of ['strict', 'lenient']) {
      await expect(registry.get(key).execute(trip)).rejects.toThrow('down');
    }
    expect(registry.get('strict').state).toBe('open');
    expect(registry.get('lenient').state).toBe('closed');
  });

  test('never holds more than max, and forgets the longest unused first', () => {
    const { registry, keys } = rig({ max: 2 });
    registry.get('a');
    registry.get('b');
    registry.get('a');
    registry.get('c');
    expect(keys()).toEqual(['a', 'c']);
    expect(registry.stats()).toEqual({ size: 2, created: 3, evicted: 1, expired: 0 });
  });

  test('forgets closed breakers before all others, and others when it must', async () => {
    const { registry, keys } = rig({ max: 2, options: { readyToTrip: () => true } });
    await expect(registry.get('open 1').execute(trip)).rejects.toThrow('down');
    registry.get('closed');
    await expect(registry.get('open 2').execute(trip)).rejects.toThrow('down');
    expect(keys()).toEqual(['open 1', 'open 2']);
    registry.get('open 1');
    registry.get('new');
    expect(keys()).toEqual(['new', 'open 1']);
  });

  test('forgets what somebody isolated last of all', async () => {
    const { registry, keys } = rig({ max: 2, options: { readyToTrip: () => true } });
    registry.get('isolated').isolate();
    await expect(registry.get('open').execute(trip)).rejects.toThrow('down');
    registry.get('new').isolate();
    expect(keys()).toEqual(['isolated', 'new']);
    registry.get('newer');
    expect(keys()).toEqual(['new', 'newer']);
  });

  test('forgets nobody for a key that it cannot serve', () => {
    const { registry, keys } = rig({ max: 1 });
    registry.get('a');
    expect(() => registry.get('')).toThrow('name must be a non-empty string, got ""');
    expect(keys()).toEqual(['a']);
    expect(registry.stats()).toMatchObject({ created: 1, evicted: 0 });
  });

  test('forgets what nobody asked for in idleMs', () => {
    const { registry, clock, keys } = rig({ idleMs: 100 });
    registry.get('a');
    clock.jump(60);
    registry.get('b');
    clock.jump(41);
    registry.get('c');
    expect(keys()).toEqual(['b', 'c']);
    expect(registry.stats()).toMatchObject({ expired: 1, size: 2 });
  });

  test('keeps what somebody isolated', () => {
    const { registry, clock, keys } = rig({ idleMs: 100 });
    const isolation = registry.get('a').isolate();
    clock.jump(101);
    registry.get('b');
    expect(keys()).toEqual(['a', 'b']);
    isolation.release();
    clock.jump(101);
    registry.get('c');
    expect(keys()).toEqual(['c']);
  });

  test('forgets on request', () => {
    const { registry } = rig();
    registry.get('a');
    expect([registry.delete('a'), registry.delete('a'), registry.size]).toEqual([true, false, 0]);
  });

  const bad: [object, string][] = [
    [{ max: 0 }, 'max must be a positive integer, got 0'],
    [{ idleMs: 0 }, 'idleMs must be at least 1 ms, got 0'],
    [{ options: { maxRequests: 0 } }, 'maxRequests must be a positive integer, got 0'],
    [{ clock: {} }, 'clock.now must be a function, got undefined'],
  ];
  test.each(bad)('refuses %o', (options, message) => {
    expect(() => createBreakerRegistry(options)).toThrow(message);
  });
});
