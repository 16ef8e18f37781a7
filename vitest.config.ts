import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';
import { ServerReporter } from './tools/gates/src/server-reporter.ts';

/** All, or the one whose `npm test` runs. */
const workspace = process.env['TEST_WORKSPACE'] || '{packages,reference-services,tools}/*';

/** A layer of tests; layers run one after the other, in this order. */
function layer(name: string, order: number, include: string, options: object = {}) {
  return {
    extends: true as const,
    test: { name, include: [include], sequence: { groupOrder: order }, ...options },
  };
}

/** Real servers and several processes: one file at a time, so that a fault of one is not felt by another. */
const alone = {
  testTimeout: 60_000,
  hookTimeout: 180_000,
  maxWorkers: 1,
  fileParallelism: false,
  // Who waits for a condition waits for as long as a busy machine may need.
  expect: { poll: { timeout: 15_000, interval: 20 } },
};

export default defineConfig({
  // Workspaces import each other's sources, so tests never need a build.
  ssr: { resolve: { conditions: ['@shopgpt/source', ...defaultServerConditions] } },
  test: {
    restoreMocks: true,
    reporters: ['default', new ServerReporter()],
    projects: [
      layer('unit', 1, `${workspace}/src/**/*.test.ts`),
      layer('contract', 2, `${workspace}/test/**/*.contract.test.ts`, alone),
      layer('integration', 3, `${workspace}/test/**/*.integration.test.ts`, alone),
      layer('e2e', 4, `${workspace}/test/**/*.e2e.test.ts`, alone),
      layer('chaos', 5, `${workspace}/test/**/*.chaos.test.ts`, alone),
    ],
  },
});
