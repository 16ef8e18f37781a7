/** What a test notes in its `meta.servers` for each real server that it ran on. */
export interface ServerUse {
  readonly name: string;
  readonly version: string;
  /** Where it came from: an environment variable, a binary, an installation. */
  readonly found: string;
}

/** What became of one test. */
export interface Outcome {
  readonly title: string;
  /** A test that is still pending at the end never finished: no success. */
  readonly state: 'passed' | 'failed' | 'skipped' | 'pending';
  /** Why it was skipped. */
  readonly note: string | undefined;
  readonly servers: readonly ServerUse[];
}

/**
 * The last lines of a test run: the servers, what was skipped and why, and `N passed, N failed, N skipped`.
 *
 * @param broken failures that belong to no test: files that do not load, hooks, errors that nobody caught
 */
export function summary(outcomes: readonly Outcome[], broken: number): string[] {
  const count = (...states: string[]) =>
    outcomes.filter(({ state }) => states.includes(state)).length;
  const failed = count('failed', 'pending') + broken;
  const totals = `${count('passed')} passed, ${failed} failed, ${count('skipped')} skipped`;
  return [...serverTable(outcomes), ...skippedList(outcomes), totals];
}

/** Only what passed counts: a server on which everything failed must not look used. */
function serverTable(outcomes: readonly Outcome[]): string[] {
  const uses = outcomes.filter(({ state }) => state === 'passed').flatMap(({ servers }) => servers);
  if (uses.length === 0) return [];
  const rows = Map.groupBy(uses, ({ name, version, found }) => `${name}\n${version}\n${found}`);
  const cells = [...rows].map(([row, { length }]) => [...row.split('\n'), `${length}`]);
  return table([['server', 'version', 'found', 'tests passed on it'], ...cells.sort()]);
}

function table(rows: readonly string[][]): string[] {
  const widthOf = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const lines = rows.map((row) =>
    row.map((cell, column) => cell.padEnd(widthOf(column))).join('  '),
  );
  return [...lines.map((line) => line.trimEnd()), ''];
}

function skippedList(outcomes: readonly Outcome[]): string[] {
  const skipped = outcomes.filter(({ state }) => state === 'skipped');
  if (skipped.length === 0) return [];
  const lines = skipped.map(({ title, note }) => `  skipped: ${title}${note ? ` (${note})` : ''}`);
  return [...lines, ''];
}
