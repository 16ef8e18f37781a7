import { contestants, OURS } from './contestants.ts';
import type { Figures } from './measure.ts';

/** The figures of each contestant. */
export type Taken = ReadonlyMap<string, Figures>;

/** What a row must be for us: of a figure of our own, or of the relation to somebody else's. */
export interface Bar {
  readonly is: 'at least' | 'at most';
  readonly bar: number;
  /** Nothing: the figure itself. */
  readonly times?: 'kafkajs' | 'the best peer';
}

export function atLeast(bar: number, times?: Bar['times']): Bar {
  return { is: 'at least', bar, ...(times && { times }) };
}

export function atMost(bar: number, times?: Bar['times']): Bar {
  return { is: 'at most', bar, ...(times && { times }) };
}

export interface Row {
  readonly what: string;
  readonly field: string;
  readonly unit: string;
  readonly bar?: Bar;
}

const line = (cells: readonly string[]) => console.log(`| ${cells.join(' | ')} |`);

export function printHead(): void {
  line(['', ...contestants, 'bar', '']);
  line(['---', ...contestants.map(() => '---:'), '---', '---']);
}

export function printRows(taken: Taken, rows: readonly Row[]): void {
  for (const { what, field, unit, bar } of rows) {
    const figure = (name: string) => taken.get(name)?.[field] ?? Number.NaN;
    line([
      `${what}, ${unit}`,
      ...contestants.map((name) => round(figure(name))),
      ...judge(figure, bar),
    ]);
  }
}

function judge(figure: (name: string) => number, bar: Bar | undefined): [string, string] {
  if (!bar) return ['', ''];
  const measured = figure(OURS) / baseOf(figure, bar);
  const isHeld = bar.is === 'at least' ? measured >= bar.bar : measured <= bar.bar;
  const to = bar.times ? ` x ${bar.times}` : '';
  return [`${bar.is} ${bar.bar}${to}`, `${isHeld ? 'held' : 'MISSED'}: ${round(measured)}`];
}

/** The best peer is the one that is hardest to meet. */
function baseOf(figure: (name: string) => number, { is, times }: Bar): number {
  if (times === undefined) return 1;
  if (times === 'kafkajs') return figure('kafkajs');
  const peers = contestants
    .filter((name) => name !== OURS)
    .map(figure)
    .filter(Number.isFinite);
  return is === 'at least' ? Math.max(...peers) : Math.min(...peers);
}

function round(value: number): string {
  if (Number.isNaN(value)) return '-';
  return value.toLocaleString('en', { maximumFractionDigits: Math.abs(value) < 10 ? 2 : 0 });
}
