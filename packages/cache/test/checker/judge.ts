import type { Deaf, Event, Read, Settled, Write } from './history.ts';

/** What the page promises, in numbers. */
export interface Bounds {
  /** How long it may take until a process has heard of an acknowledged write of another one. */
  readonly busMs: number;
  /** How long a value may live after a write that nobody acknowledged and that was lost with its process. */
  readonly lostMs: number;
}

/** A read that was given what the page says nobody is given any more. */
interface Violation {
  readonly read: Read;
  readonly write: Write;
  /** How long before the read the write should have been seen by its process. */
  readonly lateMs: number;
}

/** What became of a history. */
export interface Verdict {
  readonly reads: number;
  readonly writes: number;
  /** Writes that nobody acknowledged. */
  readonly unacknowledged: number;
  /** Reads of an older version that the page allows, since the write was not promised to be seen yet. */
  readonly excused: number;
  /** How long after the end of the write the latest of these reads began. */
  readonly excusedForMs: number;
  readonly violations: readonly Violation[];
}

/**
 * Whether a history keeps the promises:
 * - in the process that wrote, no read that begins after the write has ended gives an older version,
 *   acknowledged or not;
 * - in another process that hears, the same holds `busMs` after an acknowledged write has ended; for
 *   one that was deaf meanwhile, `busMs` after it hears again;
 * - for a write that was not acknowledged, it holds as soon as its process has nothing waiting any
 *   more; if it died before that, after `lostMs`.
 */
export function judge(events: readonly Event[], bounds: Bounds): Verdict {
  const history = sortOut(events);
  const violations: Violation[] = [];
  let excused = 0;
  let excusedForMs = 0;
  for (const read of history.reads) {
    for (const write of history.writes.get(read.row) ?? []) {
      if (write.version <= read.version || write.end >= read.begin) continue;
      const lateMs = read.begin - dueAt(write, read.process, history, bounds);
      if (lateMs > 0) {
        violations.push({ read, write, lateMs });
      } else {
        excused += 1;
        excusedForMs = Math.max(excusedForMs, read.begin - write.end);
      }
    }
  }
  const writes = [...history.writes.values()].flat();
  return {
    reads: history.reads.length,
    writes: writes.length,
    unacknowledged: writes.filter(({ acknowledged }) => !acknowledged).length,
    excused,
    excusedForMs,
    violations,
  };
}

interface History {
  readonly reads: readonly Read[];
  readonly writes: ReadonlyMap<number, readonly Write[]>;
  readonly settled: readonly Settled[];
  readonly deaf: readonly Deaf[];
}

function sortOut(events: readonly Event[]): History {
  const writes = events.filter((event) => event.kind === 'write');
  return {
    reads: events.filter((event) => event.kind === 'read'),
    writes: Map.groupBy(writes, ({ row }) => row),
    settled: events
      .filter((event) => event.kind === 'settled')
      .sort((one, other) => one.at - other.at),
    deaf: events
      .filter((event) => event.kind === 'deaf')
      .sort((one, other) => one.begin - other.begin),
  };
}

/** From when on a process must see the write. */
function dueAt(write: Write, process: number, history: History, bounds: Bounds): number {
  if (write.process === process) return write.end;
  const told = toldAt(write, history.settled);
  if (told === undefined) return write.end + bounds.lostMs;
  let due = told + bounds.busMs;
  for (const { process: who, begin, end } of history.deaf) {
    if (who === process && begin <= due && end > write.begin)
      due = Math.max(due, end + bounds.busMs);
  }
  return due;
}

/** When L2 and the bus had certainly been told; undefined when that is not known. */
function toldAt(write: Write, settled: readonly Settled[]): number | undefined {
  if (write.acknowledged) return write.end;
  return settled.find(({ process, at }) => process === write.process && at >= write.end)?.at;
}
