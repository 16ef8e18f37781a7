// Loaded into each service that the house starts (node --import), so that a service which knows nothing
// of the house ends with it, even when the house was killed: the channel between the two is then closed.
import { closeSync, openSync } from 'node:fs';

/** As long as a service may take for an orderly end. */
const GRACE_MS = 4000;

function end(): void {
  // Nobody reads the logs any more; a logger must not wait, nor fail, because of that.
  for (const output of [1, 2]) {
    closeSync(output);
    openSync('/dev/null', 'w'); // takes the lowest free number, the one just closed
  }
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE_MS).unref();
}

process.on('disconnect', end);
// The channel alone is no reason to stay alive.
process.channel?.unref();
if (!process.connected) process.exit(1);
