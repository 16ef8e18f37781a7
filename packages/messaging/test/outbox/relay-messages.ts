/** What a relay in a process of its own says. */
export type ToParent =
  | { readonly kind: 'leads' }
  | {
      readonly kind: 'write';
      readonly id: number;
      readonly partition: number;
      readonly values: readonly string[];
    };

/** The answer to a `write`. */
export interface ToChild {
  readonly id: number;
  readonly offset: number;
}
