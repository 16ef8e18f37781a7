export { fromOpossum, type OpossumCircuit, type OpossumGuard } from './from-opossum.ts';
export { OpossumBreaker, type OpossumBreakerOptions } from './opossum-breaker.ts';
