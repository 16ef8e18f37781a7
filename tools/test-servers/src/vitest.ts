import type { ServerUse } from '@shopgpt/gates/summary';
import { aroundAll, beforeEach, type RunnerTestSuite, TestRunner } from 'vitest';
import { ServerUnavailableError } from './errors.ts';
import type { TestServer } from './server.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** The real servers that a test ran on; the table at the end of `npm test` counts them. */
    servers?: ServerUse[];
  }
}

/** What is needed of a server, or of another real program such as a browser. */
type Used = Pick<TestServer, 'name' | 'version' | 'found' | 'stop'>;

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
export function useServer<Options, Server extends Used>(
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
    const others = (task.meta.servers ?? []).filter(
      (use) => use.name !== name || use.found !== found,
    );
    task.meta.servers = [...others, { name, version, found }];
  });
  return () => {
    if (!server) throw new Error('the server runs only inside tests and hooks');
    return server;
  };
}

/** Nothing that was prepared for the server runs; every test says why it did not, and with `CI=true` fails. */
function giveUp(suite: RunnerTestSuite, error: ServerUnavailableError): void {
  forgetHooks(suite);
  TestRunner.getSuiteHooks(suite).beforeEach.push(({ skip }) => {
    if (process.env['CI'] === 'true') throw error;
    skip(`${error.server} is not available`);
  });
}

function forgetHooks(suite: RunnerTestSuite): void {
  for (const hooks of Object.values(TestRunner.getSuiteHooks(suite))) hooks.length = 0;
  for (const task of suite.tasks) if (task.type === 'suite') forgetHooks(task);
}
