import { BreakerOpenError, createBreaker } from '@shopgpt/breaker';

const users = createBreaker({ name: 'user-service', openMs: 10_000 });
users.on('stateChange', ({ from, to }) => console.log(`user-service: ${from} -> ${to}`));

const getUser = users.wrap(async ({ signal }, id: string) => {
  const response = await fetch(`http://127.0.0.1:1/users/${id}`, { signal });
  return await response.json();
});

for (let i = 0; i < 4; i += 1) {
  try {
    console.log(await getUser('42'));
  } catch (error) {
    const refused = error instanceof BreakerOpenError;
    console.log(refused ? `refused, again in ${Math.ceil(error.retryAfterMs)} ms` : 'failed');
  }
}
