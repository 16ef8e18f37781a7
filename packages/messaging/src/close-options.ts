/** What `close` takes. */
export interface CloseOptions {
  /** How long (ms) handlers may take to end and messages to be delivered. Default 10,000. */
  readonly timeoutMs?: number;
}
