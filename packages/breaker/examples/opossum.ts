import { createPolicy } from '@shopgpt/breaker';
import { fromOpossum, OpossumBreaker } from '@shopgpt/breaker/opossum';

// import CircuitBreaker from 'opossum'; new CircuitBreaker(...) becomes:
const circuit = new OpossumBreaker(async (id: string) => `user ${id}`, { timeout: 3_000 });
circuit.on('open', () => console.log('open'));
circuit.fallback(() => 'nobody');
console.log(await circuit.fire('42'), circuit.stats.successes);

// A circuit that is there already, of opossum or of ours, in a policy:
const policy = createPolicy({ retry: { attempts: 2 }, breaker: fromOpossum(circuit) });
console.log(await policy.execute(async () => 'through the same circuit'), circuit.stats.successes);
