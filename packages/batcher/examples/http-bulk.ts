import { createBatcher } from '@shopgpt/batcher';

interface User {
  readonly id: string;
  readonly name: string;
}

const users = createBatcher<string, User>({
  name: 'users',
  maxSize: 50, // what the endpoint takes
  timeoutMs: 2_000,
  queue: { max: 1_000 }, // beyond that, refuse at once rather than late
  dedupeKey: (id) => id,
  process: async (ids, { signal }) => {
    const response = await fetch(`${process.env['USERS_URL']}/users/bulk`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ids }),
      signal, // aborts when nobody waits any more
    });
    if (!response.ok) throw new Error(`users answered ${response.status}`);
    // By id; who is missing in it gets a ResultMissingError, the others their users.
    return (await response.json()) as Record<string, User>;
  },
});

const outcomes = await Promise.allSettled(['u2', 'u1', 'nobody', 'u2'].map((id) => users.add(id)));
console.log(outcomes.map((one) => (one.status === 'fulfilled' ? one.value.name : one.reason.code)));

await users.close();
