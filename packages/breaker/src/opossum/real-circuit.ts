import CircuitBreaker from 'opossum';
import type { MemoryOptions } from './memory.ts';

/** opossum's options once its constructor has filled in its defaults. */
export interface FilledOptions<TI extends unknown[]> extends MemoryOptions<TI> {
  readonly timeout: number | false;
  readonly resetTimeout: number;
  readonly rollingCountTimeout: number;
  readonly capacity: number;
  readonly errorFilter: (error: unknown, ...args: TI) => boolean;
  readonly autoRenewAbortController?: boolean;
  abortController?: AbortController;
}

/** opossum's circuit as it is: its types leave out a part, and take its getters for fields. */
interface RealCircuit<TI extends unknown[], TR> extends CircuitBreaker<TI, TR> {
  readonly options: FilledOptions<TI>;
  readonly action: (...args: TI) => Promise<TR>;
  readonly semaphore: { test(): boolean; release(): void };
  readonly closed: boolean;
  readonly opened: boolean;
  readonly halfOpen: boolean;
  readonly pendingClose: boolean;
  readonly warmUp: boolean;
  getSignal(): AbortSignal | undefined;
}

interface CircuitConstructor {
  new <TI extends unknown[], TR>(action: unknown, options: object): RealCircuit<TI, TR>;
  isOurError(error: Error): boolean;
  newStatus(options: CircuitBreaker.StatusOptions): CircuitBreaker.Status;
}

const exported: unknown = CircuitBreaker;

/** The class that opossum exports; a contract test guards what its types do not say. */
export const Circuit: CircuitConstructor = exported as CircuitConstructor;
