import { createBreaker, createPolicy, createRetryBudget } from '@shopgpt/breaker';

const guest = { id: 'guest', name: 'Guest' };
const policy = createPolicy({
  name: 'user-service',
  deadlineMs: 5_000, // for the whole, retries and waiting included
  fallback: () => guest, // answers instead of any error
  retry: { attempts: 3, backoff: { baseMs: 50, maxMs: 1_000 }, budget: createRetryBudget() },
  breaker: createBreaker({ name: 'user-service' }),
  bulkhead: { concurrency: 50, queue: { max: 100, timeoutMs: 200 } },
  timeoutMs: 2_000, // for each attempt; aborts ctx.signal
});

let calls = 0;
const flaky = async (id: string) => {
  calls += 1;
  if (calls < 3) throw new Error('a hiccup');
  return { id, name: 'Ann' };
};

const user = await policy.execute((ctx) => {
  console.log(`attempt ${ctx.attempt}, in time: ${ctx.remainingMs() > 0}`);
  return flaky('42');
});
console.log(user, policy.stats().retries);
