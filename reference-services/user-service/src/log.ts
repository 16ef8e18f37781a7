import pino, { type Logger } from 'pino';
import { within } from './deadline.ts';

export interface Log {
  readonly log: Logger;
  /** Lets what was logged get out, for half a second at most; nothing is logged afterwards. */
  end(): Promise<void>;
}

/** How much may wait for a slow reader, in characters; what comes on top is dropped. */
const maxWaiting = 1_000_000;
const endWithinMs = 500;

/** JSON lines on stdout. A reader that is slow, stalled or gone costs lines, never the service. */
export function createLog(level: string): Log {
  const output = pino.destination({ sync: false, maxLength: maxWaiting });
  output.on('error', () => {
    output.write = () => true;
  });
  // pino's own, called at the exit, would wait for a stalled reader for ever.
  output.flushSync = () => undefined;
  const closed = new Promise((resolve) => output.once('close', resolve));
  return {
    log: pino({ level, base: { service: 'user-service' } }, output),
    end: async () => {
      output.end();
      await within(closed, endWithinMs).catch(() => undefined);
    },
  };
}
