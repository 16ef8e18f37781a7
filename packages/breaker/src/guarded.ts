import { callable } from './check.ts';
import type { PolicyPart, Run } from './policy-part.ts';

/** What a policy needs of a breaker: ours, or another one in its place. */
export interface Guard {
  execute<T>(fn: () => T): Promise<Awaited<T>>;
}

/** Puts a breaker around each attempt. */
export class Guarded implements PolicyPart {
  readonly #guard: Guard;

  constructor(guard: Guard) {
    callable('breaker.execute', guard.execute);
    this.#guard = guard;
  }

  around(next: Run): Run {
    return (fn, execution) => this.#guard.execute(() => next(fn, execution));
  }
}
