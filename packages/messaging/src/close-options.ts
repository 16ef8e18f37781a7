import { checkKnown, checkMs } from './check.ts';

/** What `close` takes. */
export interface CloseOptions {
  /** How long (ms) handlers may take to end and messages to be delivered. Default 10,000. */
  readonly timeoutMs?: number;
}

/** @throws TypeError or RangeError that names the option and its value */
export function resolveClose(options: CloseOptions): Required<CloseOptions> {
  checkKnown('close', options, ['timeoutMs']);
  const { timeoutMs = 10_000 } = options;
  checkMs('timeoutMs', timeoutMs, 0);
  return { timeoutMs };
}
