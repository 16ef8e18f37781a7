/** A line of the report: what was measured, and what it may be at most. */
export interface Row {
  readonly what: string;
  readonly measured: number;
  readonly unit: '' | 'x' | 'ns' | 'us' | 'B' | 'MB' | 'timers';
  /** Missing: told for comparison only. */
  readonly bar?: number;
}

export function print(title: string, rows: readonly Row[]): void {
  console.log(`\n${title}`);
  const width = Math.max(...rows.map(({ what }) => what.length));
  for (const { what, measured, unit, bar } of rows) {
    const figure = `${round(measured)} ${unit}`.padStart(14);
    const verdict = bar === undefined ? '' : `   bar ${bar} ${unit}   ${judge(measured, bar)}`;
    console.log(`  ${what.padEnd(width)}${figure}${verdict}`);
  }
}

function judge(measured: number, bar: number): string {
  return measured <= bar ? 'held' : 'MISSED';
}

function round(value: number): string {
  return Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(0);
}
