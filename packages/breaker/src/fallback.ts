import { asText, callable } from './check.ts';
import type { CallContext } from './work.ts';

/** Answers instead of a call that failed or was refused. */
export type FallbackFunction<F> = (error: unknown, ctx: CallContext) => F;

/** Not asked when the deadline has passed or the caller has aborted: then nobody waits any more. */
export class Fallback {
  fallbacks = 0;
  readonly #fallback: FallbackFunction<unknown>;

  constructor(fallback: FallbackFunction<unknown>) {
    callable('fallback', fallback);
    this.#fallback = fallback;
  }

  answer(error: unknown, ctx: CallContext): unknown {
    this.fallbacks += 1;
    return this.#fallback(error, ctx);
  }
}

/** The error of a fallback, with what it was called for at the end of its chain of causes. */
export function withRootCause(failure: unknown, cause: unknown): unknown {
  let last = failure;
  for (let depth = 0; depth < 100 && last !== cause; depth += 1) {
    if (!(last instanceof Error) || (last.cause === undefined && !Object.isExtensible(last))) break;
    if (last.cause === undefined) {
      Object.defineProperty(last, 'cause', { value: cause, configurable: true, writable: true });
      return failure;
    }
    last = last.cause;
  }
  if (last === cause) return failure;
  return new Error(`the fallback failed: ${asText(failure)}`, { cause });
}
