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
