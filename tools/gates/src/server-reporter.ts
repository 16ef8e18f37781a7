import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { type Outcome, type ServerUse, summary } from './summary.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** The real servers that a test ran on. */
    servers?: ServerUse[];
  }
}

/** Prints, after everything else, which real servers the tests ran on, what was skipped, and the totals. */
export class ServerReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const outcomes = modules.flatMap((module) => [...module.children.allTests()].map(outcomeOf));
    // A file that does not load and a hook that fails are failures of no test.
    const places = modules.flatMap((module) => [module, ...module.children.allSuites()]);
    const broken = places.filter((place) => place.errors().length > 0).length;
    process.stdout.write(`\n${summary(outcomes, broken + errors.length).join('\n')}\n`);
  }
}

function outcomeOf(test: TestCase): Outcome {
  const result = test.result();
  return {
    title: `${test.module.relativeModuleId} > ${test.fullName}`,
    state: result.state,
    note: result.state === 'skipped' ? result.note : undefined,
    servers: test.meta().servers ?? [],
  };
}
