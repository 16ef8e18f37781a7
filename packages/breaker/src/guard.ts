/** Leave for one call. Has to be told, once, how the call has ended. */
export interface Permit {
  succeeded(value: unknown): void;
  failed(error: unknown): void;
}

/** What a policy needs of a breaker: ours, or another one in its place. */
export interface Guard {
  /** Lets a call through, or throws (or rejects) with the refusal. */
  admit(): Permit | Promise<Permit>;
}
