/** What a relay in a process of its own says. */
export type ToParent =
  | { readonly kind: 'leads' | 'follows' }
  | {
      readonly kind: 'write';
      readonly id: number;
      readonly partition: number;
      readonly records: readonly SentRecord[];
    };

/** What it sends. */
export interface SentRecord {
  readonly id: string;
  readonly value: string;
}

/** The answer to a `write`. */
export interface ToChild {
  readonly id: number;
  readonly offset: number;
}
