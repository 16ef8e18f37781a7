const PARENT_CHECK_MS = 500;

/** Calls back once: at Ctrl-C, SIGTERM or a closed terminal, or when npm, which started us, was killed. */
export function onEndRequest(callback: () => void): void {
  let isAsked = false;
  const ask = () => {
    // Ctrl-C comes twice: from the terminal, and passed on by npm.
    if (isAsked) return;
    isAsked = true;
    callback();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, ask);
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const launcher = process.ppid;
  setInterval(() => {
    if (process.ppid !== launcher) ask();
  }, PARENT_CHECK_MS).unref();
}
