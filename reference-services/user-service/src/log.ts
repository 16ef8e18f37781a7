import { once } from 'node:events';
import pino, { type Logger } from 'pino';
import { within } from './deadline.ts';

export interface Log {
  readonly log: Logger;
  /** Resolves once every line is written, at the latest after `ms`; lines that come later are dropped. */
  end(ms: number): Promise<void>;
}

/** What waits for a slow reader; further lines are dropped. */
const maxWaitingBytes = 1024 * 1024;

/** JSON lines on stdout. Whatever becomes of their reader, the service goes on, and ends when it is told to. */
export function createLog(level: string): Log {
  // To ask Node for the descriptor makes it non-blocking: no thread may hang in a write when the process ends.
  const dest = process.stdout.fd;
  const output = pino.destination({ dest, sync: false, maxLength: maxWaitingBytes });
  output.on('error', () => undefined); // of a full disk, say; the next line tries again
  // At the exit pino writes what is left, and tries for ever when that fails: it must find nothing left.
  process.prependListener('exit', () => output.destroy());
  const log = pino({ level, base: { service: 'user-service' } }, output);
  return {
    log,
    end: async (ms) => {
      log.level = 'silent';
      const closed = once(output, 'close');
      output.end();
      await within(closed, ms).catch(() => undefined);
    },
  };
}
