// npm run bench -w packages/batcher [-- row ...]
import { fork } from 'node:child_process';
import path from 'node:path';
import { BARE, contestants, OURS, TIMERS } from './contestants.ts';
import { median } from './measure.ts';
import type { Arrivals, Burst, Overload } from './rows.ts';

const wanted = process.argv.slice(2);
const all = Object.keys(contestants);
const except = (...names: string[]) =>
  all.filter((name) => !names.some((one) => name.startsWith(one)));

/** Runs one measurement of one contestant in a process of its own. */
function run<T>(row: string, name: string): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<T | undefined>();
  const child = fork(path.join(import.meta.dirname, 'child.ts'), [row, name], {
    execArgv: [
      '--expose-gc',
      '--max-old-space-size=4096',
      '--disable-warning=TimeoutNegativeWarning',
    ],
    serialization: 'advanced',
  });
  child.on('message', ({ result }: { result: T }) => resolve(result));
  child.on('exit', () => resolve(undefined));
  return promise;
}

/** Runs `rounds` rounds of all contestants in turns, so that noise of the machine hits all alike. */
async function inTurns<T>(row: string, names: readonly string[], rounds: number) {
  const results = new Map<string, T[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) {
      const result = await run<T>(row, name);
      if (result !== undefined) results.get(name)?.push(result);
    }
  }
  return results;
}

const line = (cells: readonly string[]) => console.log(`| ${cells.join(' | ')} |`);
const head = (title: string, columns: readonly string[]) => {
  console.log(`\n${title}\n`);
  line(['', ...columns]);
  line(['---', ...columns.map(() => '---:')]);
};

const sections: Record<string, () => Promise<void>> = {
  async cpu() {
    head('Processor time per load, in waves of 1,000 (bar for ours: 1.2)', ['ns', 'over bare']);
    const results = await inTurns<number>('cpu', except('no batching', 'ticker'), 5);
    const bare = results.get(BARE) ?? [];
    for (const [name, figures] of results) {
      const ratios = figures.map((ns, round) => ns / (bare[round] ?? Number.NaN));
      line([name, median(figures).toFixed(0), median(ratios).toFixed(2)]);
    }
  },

  async idle() {
    head('Added latency of one load alone, p50 (bar for ours: 0.1 ms)', ['ms']);
    for (const [name, figures] of await inTurns<number>('idle', except('no batching'), 3)) {
      line([name, median(figures).toFixed(3)]);
    }
  },

  async arrivals() {
    head(
      '20,000 separate requests a second, a backend of 4 connections, 2.5 ms a batch and 2 us a key',
      ['p50 ms', 'p99 ms', 'mean batch', 'unanswered'],
    );
    const results = await inTurns<Arrivals>(
      'arrivals',
      except(BARE, 'our DataLoader', 'createBatcher, '),
      3,
    );
    for (const [name, figures] of results) {
      const of = (field: keyof Arrivals) => median(figures.map((one) => one[field]));
      line([
        name,
        of('p50').toFixed(1),
        of('p99').toFixed(1),
        of('meanBatch').toFixed(1),
        `${of('lost')}`,
      ]);
    }
    const p50s = (name: string) => results.get(name)?.map((one) => one.p50) ?? [];
    const best = TIMERS.toSorted((a, b) => median(p50s(a)) - median(p50s(b)))[0] ?? '';
    const ratios = p50s(OURS).map((p50, round) => p50 / (p50s(best)[round] ?? Number.NaN));
    console.log(`\nours over ${best}, p50, round by round: ${median(ratios).toFixed(2)} (bar 1.1)`);
  },

  async overload() {
    head('Ten times what the backend can do, for 4 s', [
      'outstanding',
      'refused',
      'live heap, MB more',
    ]);
    const names = except(
      BARE,
      'no batching',
      'our DataLoader',
      'ticker',
      'batshit',
      'dataloader, cache',
    );
    for (const [name, [figures]] of await inTurns<Overload>('overload', names, 1)) {
      if (!figures) continue;
      const { outstanding, refused, heapMb } = figures;
      line([name, `${outstanding}`, `${refused}`, heapMb.toFixed(1)]);
    }
  },

  async burst() {
    head('A million loads in one tick', ['lost', 'ms', 'heap at peak, MB', 'kept afterwards, MB']);
    const names = except(
      'no batching',
      'ticker',
      'batshit',
      'our DataLoader, cache',
      'dataloader, cache',
    );
    for (const [name, figures] of await inTurns<Burst>(
      'burst',
      names.filter((one) => one !== OURS),
      3,
    )) {
      const of = (field: keyof Burst) => median(figures.map((one) => one[field]));
      line([
        name,
        `${of('lost')}`,
        of('ms').toFixed(0),
        of('peakMb').toFixed(0),
        of('keptMb').toFixed(1),
      ]);
    }
  },
};

console.log(`Node ${process.versions.node}, medians`);
for (const [name, section] of Object.entries(sections)) {
  if (wanted.length === 0 || wanted.includes(name)) await section();
}
