import { createBreakerRegistry } from '@shopgpt/breaker';

const breakers = createBreakerRegistry({
  max: 500,
  options: { readyToTrip: ({ consecutiveFailures }) => consecutiveFailures >= 5 },
});

const answer = await breakers.get('eu.example').execute(async () => 'from Europe');
console.log(answer, breakers.size);

const isolation = breakers.get('us.example').isolate(); // an operator takes a host out
console.log(breakers.get('us.example').state);
isolation.release();
console.log(breakers.get('us.example').state);
