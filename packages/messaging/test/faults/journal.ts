import type { Work } from './work.ts';

/** What a handler was called for, or how the call ended. */
export interface Entry extends Work {
  readonly kind: 'begun' | 'handled' | 'poisoned' | 'failed';
  /** In ms of a clock that all processes of the machine share. */
  readonly atMs: number;
  readonly group: string;
  readonly member: string;
  readonly partition: number;
  readonly offset: number;
}

export function nowMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

/** What all members of all groups did, whichever process they live in. */
export class Journal {
  readonly #entries: Entry[] = [];
  readonly #deaths = new Map<string, number>();

  readonly add = (entry: Entry): void => void this.#entries.push(entry);

  /** Nothing that the member was doing goes on. */
  died(member: string): void {
    this.#deaths.set(member, nowMs());
  }

  /** In the order of time. */
  of(group: string): Entry[] {
    return this.#entries
      .filter((entry) => entry.group === group)
      .sort((one, other) => one.atMs - other.atMs);
  }

  count(group: string): number {
    return this.#entries.filter((entry) => entry.group === group).length;
  }

  /** How often a member was called for a key while another one was busy with it. */
  together(group: string): number {
    const busy = new Map<string, string>();
    let count = 0;
    for (const { kind, key, member, atMs } of this.of(group)) {
      const other = busy.get(key);
      if (kind !== 'begun') {
        if (other === member) busy.delete(key);
        continue;
      }
      if (other !== undefined && other !== member && !this.#isDead(other, atMs)) count += 1;
      busy.set(key, member);
    }
    return count;
  }

  /** Of how many partitions members who died had messages, one with another. */
  heldByTheDead(group: string): number {
    const held = this.#entries
      .filter((entry) => entry.group === group && this.#deaths.has(entry.member))
      .map(({ member, partition }) => `${member} ${partition}`);
    return new Set(held).size;
  }

  #isDead(member: string, atMs: number): boolean {
    return (this.#deaths.get(member) ?? Number.POSITIVE_INFINITY) <= atMs;
  }
}

/**
 * How often a message was begun too early: before the one ahead of it in its key and partition had ended, or,
 * when the member goes on from an earlier one of the key, had ended since then. So also what is delivered
 * again must come in its order.
 */
export function orderBreaks(entries: readonly Entry[]): number {
  const ahead = whoIsAhead(entries);
  const endedMs = new Map<string, number>();
  const latest = new Map<string, Entry>();
  let breaks = 0;
  for (const entry of entries) {
    if (entry.kind === 'begun') {
      const own = `${entry.member} ${entry.partition} ${entry.key}`;
      const sinceMs = sinceOf(entry, latest.get(own));
      const before = ahead.get(placeOf(entry));
      if (before !== undefined && (endedMs.get(before) ?? -1) < sinceMs) breaks += 1;
      latest.set(own, entry);
    } else if (entry.kind !== 'failed') {
      endedMs.set(placeOf(entry), entry.atMs);
    }
  }
  return breaks;
}

/** From when on the one ahead must have ended. */
function sinceOf({ offset }: Entry, last: Entry | undefined): number {
  return last && last.offset < offset ? last.atMs : 0;
}

/**
 * How many messages were handled twice without a reason. The only one, while nobody dies, is a message ahead of it
 * in its partition that waited for its next attempt when the partition moved: from there on all come again.
 */
export function causelessRepeats(entries: readonly Entry[]): number {
  const ends = entries.filter(({ kind }) => kind === 'handled' || kind === 'poisoned');
  const first = new Map<string, number>();
  for (const entry of ends) if (!first.has(placeOf(entry))) first.set(placeOf(entry), entry.atMs);
  const endOf = (entry: Entry): number => first.get(placeOf(entry)) ?? Number.POSITIVE_INFINITY;
  const failures = entries.filter(({ kind }) => kind === 'failed');
  const isCause = (failed: Entry, again: Entry) =>
    failed.partition === again.partition &&
    failed.offset < again.offset &&
    failed.atMs < again.atMs &&
    endOf(failed) > endOf(again);
  const repeats = ends.filter((entry) => entry.atMs > endOf(entry));
  return repeats.filter((again) => !failures.some((failed) => isCause(failed, again))).length;
}

/** For the place of each message in the log, that of the one ahead of it in its key. */
function whoIsAhead(entries: readonly Entry[]): Map<string, string> {
  const latest = new Map<string, string>();
  const ahead = new Map<string, string>();
  for (const entry of [...entries].sort((one, other) => one.offset - other.offset)) {
    const [lane, place] = [`${entry.partition} ${entry.key}`, placeOf(entry)];
    const before = latest.get(lane);
    if (before !== undefined && before !== place) ahead.set(place, before);
    latest.set(lane, place);
  }
  return ahead;
}

/** Where a message is in the log. */
export function placeOf({ partition, offset }: { partition: number; offset: number }): string {
  return `${partition}/${offset}`;
}
