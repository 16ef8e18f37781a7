// npm run bench -w packages/breaker [-- section ...]: ours beside the peers, in one run.
import { fork } from 'node:child_process';
import path from 'node:path';
import { closed, fired, refusals } from './contestants.ts';
import { median } from './measure.ts';
import type { Idle } from './rows.ts';
import { print, type Row } from './table.ts';

const rounds = 5;

/** Runs one measurement of one contestant in a process of its own. */
function run<T>(row: string, name = ''): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const child = fork(path.join(import.meta.dirname, 'child.ts'), [row, name], {
    execArgv: ['--expose-gc'],
  });
  child.on('message', ({ result }: { result: T }) => resolve(result));
  child.on('exit', () => reject(new Error(`no result of ${row} ${name}`)));
  return promise;
}

/** What each contestant cost, round by round. In turns, so that a change of the machine's mood meets all alike. */
async function inTurns(
  row: string,
  names: readonly string[],
): Promise<(name: string) => readonly number[]> {
  const taken = new Map<string, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) taken.get(name)?.push(await run<number>(row, name));
  }
  return (name) => taken.get(name) ?? [];
}

type Taken = Awaited<ReturnType<typeof inTurns>>;

/** The median of the ratios, each of one round. */
function ratio(taken: Taken, what: string, to: string, bar?: number): Row {
  const ratios = taken(what).map((ns, round) => ns / (taken(to)[round] ?? Number.NaN));
  const row: Row = { what: `${what} / ${to}`, measured: median(ratios), unit: 'x' };
  return bar === undefined ? row : { ...row, bar };
}

const sections: Record<string, () => Promise<void>> = {
  async passing() {
    const taken = await inTurns('passing', Object.keys(closed));
    print('One call that goes through', [
      ...Object.keys(closed).map(
        (what): Row => ({ what, measured: median(taken(what)), unit: 'ns' }),
      ),
      ratio(taken, 'by hand, counts only', 'raw'),
      ratio(taken, 'by hand, one clock read', 'raw'),
      ratio(taken, 'by hand, two clock reads', 'raw'),
      ratio(taken, 'breaker', 'raw', 3.3),
      ratio(taken, 'breaker', 'cockatiel SamplingBreaker', 0.75),
      ratio(taken, 'breaker, slowCallMs', 'cockatiel SamplingBreaker', 1),
      ratio(taken, 'breaker, rolling window', 'raw'),
      ratio(taken, 'policy of all six', 'raw', 12),
      ratio(taken, 'policy of all six', 'cockatiel wrap of four', 0.1),
      ratio(taken, 'policy of four', 'cockatiel wrap of four'),
    ]);
  },

  async opossum() {
    const taken = await inTurns('passing', Object.keys(fired));
    print("Through opossum's door", [
      ratio(taken, 'OpossumBreaker.fire', 'raw'),
      ratio(taken, 'opossum fire', 'raw'),
      ratio(taken, 'OpossumBreaker.fire', 'opossum fire', 0.5),
    ]);
  },

  async refusing() {
    const taken = await inTurns('refusing', Object.keys(refusals));
    const frames = await run<number>('stackFrames');
    print('One call that is refused', [
      ratio(taken, 'breaker', 'shared error', 1.5),
      ratio(taken, 'cockatiel', 'shared error'),
      ratio(taken, 'opossum', 'shared error'),
      { what: 'frames in the stack', measured: frames, unit: '', bar: 0 },
    ]);
  },

  async idle() {
    const { timers, bytes, peerTimers } = await run<Idle>('idle');
    print('10,000 breakers that do nothing', [
      { what: 'timers of all', measured: timers, unit: 'timers', bar: 0 },
      { what: 'heap of each', measured: bytes, unit: 'B', bar: 1_024 },
      { what: 'timers of a circuit of opossum', measured: peerTimers, unit: 'timers' },
    ]);
  },

  async failing() {
    const us = (name: string) => run<number>('failing', name);
    print('One failing call', [
      {
        what: 'breaker, 1,000,000 calls in the window',
        measured: await us('breaker'),
        unit: 'us',
        bar: 50,
      },
      {
        what: 'breaker, the same in a rolling window',
        measured: await us('rolling window'),
        unit: 'us',
        bar: 50,
      },
      { what: 'opossum, 100,000 calls in the window', measured: await us('opossum'), unit: 'us' },
    ]);
  },

  async growth() {
    print('10,000,000 calls through one breaker', [
      { what: 'growth of the heap', measured: await run('growth'), unit: 'MB', bar: 0.1 },
    ]);
  },
};

const wanted = process.argv.slice(2);
console.log(`node ${process.version}, ${process.platform} ${process.arch}, ${rounds} rounds`);
for (const [name, section] of Object.entries(sections)) {
  if (wanted.length === 0 || wanted.includes(name)) await section();
}
