import { withoutStack } from '../errors.ts';

/** The codes that opossum gives its own errors. */
export type OpossumErrorCode = 'EOPENBREAKER' | 'ETIMEDOUT' | 'ESEMLOCKED' | 'ESHUTDOWN';

/** An error as opossum would have made it, with the reason that our breaker gave as its cause. */
export class OpossumError extends Error {
  readonly code: OpossumErrorCode;

  constructor(message: string, code: OpossumErrorCode, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Expected and frequent, so without a stack. */
export function ourError(
  message: string,
  code: OpossumErrorCode,
  options?: ErrorOptions,
): OpossumError {
  return withoutStack(() => new OpossumError(message, code, options));
}
