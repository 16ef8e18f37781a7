import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache, WriteResult } from '@shopgpt/cache';
import { type Event, now, type Read } from '../checker/history.ts';
import { random } from '../checker/random.ts';
import { type Rows, tagsOf } from './rows.ts';

/** What a process does to its cache for a while. */
export interface Workload {
  readonly process: number;
  readonly processes: number;
  readonly seed: number;
  readonly forMs: number;
  /** Rows 0 to below this. */
  readonly rows: number;
  /** Nothing is invalidated by tags or cleared: every change is told by the key alone. */
  readonly byKey?: boolean | undefined;
  /** Callers that each do one thing after the other. Default 8. */
  readonly callers?: number;
}

const keyOf = (row: number) => `row${row}`;

/**
 * Gets, sets, deletes, expires and invalidates tags at random, and writes down what came of it. Rows are
 * changed and then deleted, expired or invalidated by whoever likes, but only one process sets a row, one after the other: no cache can
 * know which of two values that are set at once is the newer one.
 */
export async function workload(cache: Cache<number>, rows: Rows, work: Workload): Promise<Event[]> {
  const events: Event[] = [];
  const until = now() + work.forMs;
  const callers = Array.from({ length: work.callers ?? 8 }, (_, i) =>
    new Caller(cache, rows, work, i, events).run(until),
  );
  await Promise.all(callers);
  return events;
}

class Caller {
  readonly #cache: Cache<number>;
  readonly #rows: Rows;
  readonly #work: Workload;
  readonly #index: number;
  readonly #events: Event[];
  readonly #random: () => number;

  constructor(cache: Cache<number>, rows: Rows, work: Workload, index: number, events: Event[]) {
    this.#cache = cache;
    this.#rows = rows;
    this.#work = work;
    this.#index = index;
    this.#events = events;
    this.#random = random(work.seed * 1000 + work.process * 100 + index);
  }

  async run(until: number): Promise<void> {
    while (now() < until) {
      const dice = this.#random();
      if (dice < 0.06) await this.#change();
      else await this.#read(dice);
      await sleep(this.#random() * 4);
    }
  }

  #below(max: number): number {
    return Math.floor(this.#random() * max);
  }

  async #read(dice: number): Promise<void> {
    const row = this.#below(this.#work.rows);
    const begin = now();
    if (dice < 0.3) this.#note(row, begin, this.#cache.peek(keyOf(row)));
    else if (dice < 0.5) this.#note(row, begin, await this.#cache.get(keyOf(row)));
    else if (dice < 0.6) await this.#readMany(row, begin);
    else this.#note(row, begin, await this.#load(row));
  }

  async #load(row: number): Promise<number | undefined> {
    const takesMs = this.#random() * 30;
    const fails = this.#random() < 0.03;
    const load = async () => {
      const version = this.#rows.version(row);
      await sleep(takesMs);
      if (fails) throw new Error('the database fails');
      return version;
    };
    const tags = tagsOf(row);
    return this.#cache.getOrSet(keyOf(row), load, { tags }).catch(() => undefined);
  }

  async #readMany(first: number, begin: number): Promise<void> {
    // Rows of one shelf, or of none.
    const wanted = [0, 16, 32].map((i) => first + i).filter((row) => row < this.#work.rows);
    const tags = tagsOf(first);
    const load = async (keys: readonly string[]) => {
      const found = keys.map((key) => [key, this.#rows.version(Number(key.slice(3)))] as const);
      await sleep(10);
      return new Map(found);
    };
    const options = { onError: () => undefined, tags };
    const values = await this.#cache.getMany(wanted.map(keyOf), load, options);
    for (const row of wanted) this.#note(row, begin, values.get(keyOf(row)));
  }

  #note(row: number, begin: number, version: number | undefined): void {
    if (version === undefined) return;
    const { process } = this.#work;
    const read: Read = { kind: 'read', process, row, begin, end: now(), version };
    this.#events.push(read);
  }

  async #change(): Promise<void> {
    const { process, processes, rows, callers = 8 } = this.#work;
    const row = this.#below(rows);
    const [tag] = this.#work.byKey ? [] : tagsOf(row);
    // One row of four is set, by one caller of one process.
    const isSet = row % 4 === 0;
    if (isSet && (row / 4) % (processes * callers) !== process * callers + this.#index) return;
    const dice = this.#random();
    if (isSet) await this.#write([row], (version) => this.#cache.set(keyOf(row), version));
    else if (dice < 0.005 && !this.#work.byKey) await this.#write([row], () => this.#cache.clear());
    else if (tag) await this.#write(this.#shelf(tag), () => this.#cache.invalidateTags(tag));
    else if (dice < 0.5) await this.#write([row], () => this.#cache.expire(keyOf(row)));
    else await this.#write([row], () => this.#cache.delete(keyOf(row)));
  }

  #shelf(tag: string): number[] {
    const all = Array.from({ length: this.#work.rows }, (_, row) => row);
    return all.filter((row) => tagsOf(row).includes(tag));
  }

  /** Changes the rows, and then tells the cache. */
  async #write(
    changed: readonly number[],
    tell: (version: number) => Promise<WriteResult>,
  ): Promise<void> {
    const { process } = this.#work;
    const versions = changed.map((row) => [row, this.#rows.change(row)] as const);
    const begin = now();
    const { acknowledged } = await tell(versions[0]?.[1] ?? 0);
    const end = now();
    for (const [row, version] of versions) {
      this.#events.push({ kind: 'write', process, row, begin, end, version, acknowledged });
    }
    if (this.#cache.stats().l2.waitingDeletes === 0) {
      this.#events.push({ kind: 'settled', process, at: now() });
    }
  }
}
