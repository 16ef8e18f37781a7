import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** What a test notes in its `meta.servers` for each real server that it ran on. */
export interface ServerUse {
  readonly name: string;
  readonly version: string;
  /** Where it came from: an environment variable, a binary, an installation. */
  readonly found: string;
}

declare module 'vitest' {
  interface TaskMeta {
    servers?: ServerUse[];
  }
}

interface Row extends ServerUse {
  tests: number;
}

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/** Prints, after everything else, which real servers the tests ran on, what was skipped, and the totals. */
export class ServerReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const brokenModules = modules.filter((module) => module.errors().length > 0).length;
    const totals = count(tests);
    totals.failed += brokenModules + errors.length;
    const lines = [...serverTable(tests), ...skippedList(tests), closingLine(totals)];
    process.stdout.write(`\n${lines.join('\n')}\n`);
  }
}

function count(tests: readonly TestCase[]): Totals {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  for (const test of tests) {
    const { state } = test.result();
    // A test that never finished is no success.
    totals[state === 'pending' ? 'failed' : state] += 1;
  }
  return totals;
}

export function serverTable(tests: readonly TestCase[]): string[] {
  const rows = new Map<string, Row>();
  for (const test of tests) {
    if (test.result().state !== 'passed') continue;
    for (const use of test.meta().servers ?? []) {
      const id = `${use.name} ${use.version} ${use.found}`;
      const row = rows.get(id) ?? { ...use, tests: 0 };
      row.tests += 1;
      rows.set(id, row);
    }
  }
  if (rows.size === 0) return [];
  const cells = [...rows.values()].map((row) => [row.name, row.version, row.found, `${row.tests}`]);
  return table([['server', 'version', 'found', 'tests passed on it'], ...cells]);
}

function table(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, ''];
}

function skippedList(tests: readonly TestCase[]): string[] {
  const skipped = tests.filter((test) => test.result().state === 'skipped');
  if (skipped.length === 0) return [];
  const names = skipped.map((test) => {
    const result = test.result();
    const why = result.state === 'skipped' && result.note ? ` (${result.note})` : '';
    return `  skipped: ${test.module.relativeModuleId} > ${test.fullName}${why}`;
  });
  return [...names, ''];
}

function closingLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
