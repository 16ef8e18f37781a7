import assert from 'node:assert/strict';
import { createPolicy } from '@shopgpt/breaker';
import { createStuckBreaker, hangingCall, manualClock } from '@shopgpt/breaker/testing';

// What does my code do while the breaker is open?
const policy = createPolicy({
  breaker: createStuckBreaker('open'),
  fallback: () => 'from the cache',
});
assert.equal(await policy.execute(async () => 'live'), 'from the cache');

// And when the dependency hangs? No test has to wait for that.
const clock = manualClock();
const patient = createPolicy({ timeoutMs: 2_000, clock });
const call = assert.rejects(patient.execute(hangingCall()), { code: 'ERR_BREAKER_CALL_TIMEOUT' });
await clock.advance(2_000);
await call;
console.log('tested in no time');
