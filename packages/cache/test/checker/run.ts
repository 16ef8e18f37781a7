import { setTimeout as sleep } from 'node:timers/promises';
import type { TestServer } from '@shopgpt/test-servers';
import { type Fleet, type Node, range } from '../faults/fleet.ts';
import type { Fault } from './faults.ts';
import { type Event, now } from './history.ts';
import { random } from './random.ts';

/** How a history is made. */
export interface Plan {
  readonly seed: number;
  readonly rows: number;
  /** How long the work of a round lasts; its faults strike in the first third and heal in the last. */
  readonly roundMs: number;
  /** As in the workload. */
  readonly byKey?: boolean;
  /** What strikes in each round. */
  readonly rounds: readonly (readonly Fault[])[];
}

/** Lets the fleet work through the rounds. After each all is healed, and everybody reads everything. */
export async function makeHistory(fleet: Fleet, server: TestServer, plan: Plan): Promise<Event[]> {
  const dice = random(plan.seed);
  const events: Event[] = [];
  for (const [index, faults] of plan.rounds.entries()) {
    const victims = faults.map((fault) => ({ fault, node: fleet.node(below(dice, fleet)) }));
    const working = work(fleet, plan, plan.seed * 100 + index);
    const begin = now();
    await sleep((plan.roundMs / 3) * dice());
    await Promise.all(victims.map(({ fault, node }) => fault.strike(fleet, node, server)));
    await sleep((plan.roundMs / 3) * (1 + dice()));
    await Promise.all(victims.map(({ fault, node }) => fault.heal?.(fleet, node, server)));
    events.push(...(await working));
    await fleet.calm();
    const end = now();
    for (const process of fleet.nodes.keys()) {
      const isDeaf = victims.some(({ fault, node }) => deafens(fault, node, fleet.node(process)));
      if (isDeaf) events.push({ kind: 'deaf', process, begin, end });
      events.push({ kind: 'settled', process, at: end });
    }
    await sleep(50);
    events.push(...(await readAll(fleet, plan.rows)));
  }
  return events;
}

function below(dice: () => number, fleet: Fleet): number {
  return Math.floor(dice() * fleet.nodes.length);
}

function deafens({ deafens }: Fault, victim: Node, node: Node): boolean {
  return deafens === 'all' || (deafens === 'one' && victim === node);
}

/** What all have done; of one that is killed nobody knows. */
async function work(
  fleet: Fleet,
  { rows, roundMs: forMs, byKey }: Plan,
  seed: number,
): Promise<Event[]> {
  const processes = fleet.nodes.length;
  const histories = fleet.nodes.map((node, process) =>
    node.call('run', { process, processes, seed, forMs, rows, byKey }).catch(() => []),
  );
  return (await Promise.all(histories)).flat();
}

async function readAll(fleet: Fleet, rows: number): Promise<Event[]> {
  const events: Event[] = [];
  const wanted = range(0, rows);
  for (const [process, node] of fleet.nodes.entries()) {
    for (const how of ['peek', 'get', 'load'] as const) {
      const begin = now();
      const versions = await node.call(how, wanted);
      const end = now();
      for (const [row, version] of versions.entries()) {
        if (version !== null) events.push({ kind: 'read', process, row, begin, end, version });
      }
    }
  }
  return events;
}
