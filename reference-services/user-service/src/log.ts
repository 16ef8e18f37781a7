import { once } from 'node:events';
import pino, { type Logger } from 'pino';
import { within } from './deadline.ts';

export interface Log {
  readonly log: Logger;
  /** Lets what was logged get out, for half a second at most; what is logged afterwards is dropped. */
  end(): Promise<void>;
}

/** How much may wait for a slow reader, in characters; what comes on top is dropped. */
const maxWaiting = 1_000_000;
const endWithinMs = 500;

/** JSON lines on stdout. A reader that is slow, stalled or gone costs lines, never the service. */
export function createLog(level: string): Log {
  // To ask Node for the descriptor makes it non-blocking: no thread may hang in a write when the process ends.
  const dest = process.stdout.fd;
  const output = pino.destination({ dest, sync: false, maxLength: maxWaiting });
  output.on('error', () => undefined); // of a full disk, say: the next line tries again
  // pino's own, called at the exit, would try for ever when nobody reads.
  output.flushSync = () => undefined;
  const log = pino({ level, base: { service: 'user-service' } }, output);
  return {
    log,
    end: async () => {
      log.level = 'silent';
      const closed = once(output, 'close');
      output.end();
      await within(closed, endWithinMs).catch(() => undefined);
    },
  };
}
