import CircuitBreaker from 'opossum';
import { describe, expect, test } from 'vitest';
import { BreakerOpenError, createPolicy } from '../src/index.ts';
import { fromOpossum, OpossumBreaker } from '../src/opossum/index.ts';

const fail = () => Promise.reject(new Error('down'));
const quietly = (call: Promise<unknown>) => call.catch((error: unknown) => error);

describe('fromOpossum', () => {
  const generic = { errorThresholdPercentage: 50, resetTimeout: 30_000, volumeThreshold: 2 };

  test.each([
    ['opossum', (action: () => Promise<unknown>) => new CircuitBreaker(action, generic)],
    ['OpossumBreaker', (action: () => Promise<unknown>) => new OpossumBreaker(action, generic)],
  ])('lets a policy use a circuit of %s with its own users', async (_kind, create) => {
    const circuit = create(async () => 'its own');
    const guard = fromOpossum(circuit);
    const policy = createPolicy({ breaker: guard, retry: { attempts: 2, backoff: { baseMs: 0 } } });
    expect(await policy.execute(() => 'a passenger')).toBe('a passenger');
    expect(await circuit.fire()).toBe('its own');
    await expect(policy.execute(fail)).rejects.toThrow();
    await quietly(policy.execute(fail));
    const refusal = await quietly(policy.execute(() => 1));
    expect(refusal).toBeInstanceOf(BreakerOpenError);
    expect(refusal).toMatchObject({ breaker: circuit.name, cause: { code: 'EOPENBREAKER' } });
    expect((refusal as BreakerOpenError).retryAfterMs).toBeGreaterThan(0);
    expect(guard.stats()).toMatchObject({ state: 2, successes: 2, opened: 1 });
    expect(fromOpossum(circuit)).toBe(guard);
    circuit.shutdown();
  });

  test('translates the timeout and the full bulkhead of the circuit', async () => {
    const options = { timeout: 20, capacity: 1, errorThresholdPercentage: 101 };
    const circuit = new CircuitBreaker(fail, options);
    const guard = fromOpossum(circuit);
    const hung = quietly(guard.execute(() => new Promise(() => undefined)));
    const full = { code: 'ERR_BREAKER_BULKHEAD_FULL', concurrency: 1 };
    await expect(guard.execute(() => 1)).rejects.toMatchObject(full);
    expect(await hung).toMatchObject({ code: 'ERR_BREAKER_CALL_TIMEOUT', timeoutMs: 20 });
    circuit.shutdown();
    const shut = { code: 'ERR_BREAKER_OPEN', cause: { code: 'ESHUTDOWN' } };
    await expect(guard.execute(() => 1)).rejects.toMatchObject(shut);
  });

  test.each([
    ['answers', () => 'a fallback'],
    [
      'fails',
      () => {
        throw new Error('not my arguments');
      },
    ],
  ])('refuses all the same when a fallback of the circuit %s', async (_how, fallback) => {
    const circuit = new CircuitBreaker(fail, { capacity: 1 });
    circuit.fallback(fallback);
    const policy = createPolicy({ breaker: fromOpossum(circuit), retry: { attempts: 3 } });
    const running = Promise.withResolvers<string>();
    const first = policy.execute(() => running.promise);
    await expect(policy.execute(() => 1)).rejects.toMatchObject({
      code: 'ERR_BREAKER_BULKHEAD_FULL',
    });
    running.resolve('live');
    expect(await first).toBe('live');
    circuit.open();
    const refusal = await quietly(policy.execute(() => 1));
    expect(refusal).toMatchObject({ code: 'ERR_BREAKER_OPEN', retryAfterMs: expect.any(Number) });
    expect(policy.stats().retries).toBe(0);
    circuit.shutdown();
  });

  test('takes no refusal further in for a failure', async () => {
    const circuit = new CircuitBreaker(fail);
    const guard = fromOpossum(circuit);
    const refused = () => Promise.reject(new BreakerOpenError('further in', 0));
    for (let i = 0; i < 5; i += 1) await quietly(guard.execute(refused));
    expect(circuit.closed).toBe(true);
    circuit.shutdown();
  });

  test('refuses a circuit that would give the result of one call to all', () => {
    const circuit = new CircuitBreaker(fail, { cache: true, name: 'cached' });
    expect(() => fromOpossum(circuit)).toThrow(
      'circuit "cached" must not cache or coalesce its results',
    );
    circuit.shutdown();
  });
});
