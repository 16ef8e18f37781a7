import { aroundAll, beforeEach, type RunnerTask, type RunnerTestSuite, TestRunner } from 'vitest';
import { ServerUnavailableError } from './errors.ts';
import type { TestServer } from './server.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** The real servers that a test ran on; the table at the end of `npm test` counts them. */
    servers?: { readonly name: string; readonly version: string; readonly found: string }[];
  }
}

/** An installation may come first. */
const startMs = 300_000;

/**
 * Starts a real server for the tests of this file or `describe`, and stops it after them.
 *
 * When the server cannot be had, no test and no hook of the scope runs: each test is skipped with a note that names the
 * server, or fails where `CI=true`.
 *
 * @returns gives the server; only inside tests and hooks
 */
export function useServer<Options, Server extends TestServer>(
  start: (options?: Options) => Promise<Server>,
  options?: Options,
): () => Server {
  let server: Server | undefined;
  // Vitest reads fixtures from the text of the second parameter: we want none.
  aroundAll(async (...[runSuite, , suite]) => {
    try {
      server = await start(options);
    } catch (error) {
      if (!(error instanceof ServerUnavailableError)) throw error;
      giveUp(suite, error);
    }
    await runSuite();
    await server?.stop();
  }, startMs);
  beforeEach(({ task }) => {
    if (!server) return;
    const { name, version, found } = server;
    task.meta.servers = [...(task.meta.servers ?? []), { name, version, found }];
  });
  return () => {
    if (!server) throw new Error('the server runs only inside tests and hooks');
    return server;
  };
}

function giveUp(suite: RunnerTestSuite, error: ServerUnavailableError): void {
  const hooks = TestRunner.getSuiteHooks(suite);
  for (const list of [hooks.aroundAll, hooks.beforeAll, hooks.afterAll]) list.length = 0;
  for (const task of suite.tasks) settle(task, error);
}

function settle(task: RunnerTask, error: ServerUnavailableError): void {
  if (task.mode !== 'run' && task.mode !== 'queued') return;
  if (task.type === 'suite') {
    giveUp(task, error);
    return;
  }
  if (process.env['CI'] === 'true') {
    const { name, message, stack = '' } = error;
    task.result = { state: 'fail', errors: [{ name, message, stack }] };
    return;
  }
  task.mode = 'skip';
  task.result = { state: 'skip', note: `${error.server} is not available` };
}
