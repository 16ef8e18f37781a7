// Loaded into each service that the house starts (node --import), so that a service which knows nothing
// of the house ends with it, even when the house was killed: the channel between the two is then closed.

/** As long as a service may take for an orderly end. */
const GRACE_MS = 4000;

function end(): void {
  process.kill(process.pid, 'SIGTERM');
  setTimeout(() => process.exit(1), GRACE_MS).unref();
}

process.on('disconnect', end);
// The channel alone is no reason to stay alive.
process.channel?.unref();
if (!process.connected) process.exit(1);
