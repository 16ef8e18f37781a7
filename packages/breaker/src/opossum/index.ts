export {
  fromOpossum,
  type OpossumCircuit,
  type OpossumGuard,
  type OpossumGuardStats,
} from './from-opossum.ts';
export { OpossumBreaker, type OpossumBreakerOptions } from './opossum-breaker.ts';
