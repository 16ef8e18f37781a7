import type { Execution, Work } from './execution.ts';

/** Runs the work within whatever has been put around it. */
export type Run = <T>(fn: Work<T>, execution: Execution) => Promise<unknown>;

/** One ring around the work: a policy is a few of them, each given the next one further in. */
export interface PolicyPart {
  around(next: Run): Run;
}

/** The parts as rings around the work, the first one outermost. */
export function within(parts: readonly PolicyPart[]): Run {
  const work: Run = (fn, execution) => {
    execution.attempts += 1;
    return execution.call(fn);
  };
  return parts.reduceRight((next, part) => part.around(next), work);
}
