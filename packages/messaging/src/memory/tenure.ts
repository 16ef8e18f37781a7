import type { Assignment, Position } from '../driver.ts';
import type { TopicPartition } from '../record.ts';

/** Why a member no longer holds what it was given. */
export type TenureEnd =
  | { readonly kind: 'rebalance' }
  | { readonly kind: 'stop' }
  /** Others may have the partitions already. */
  | { readonly kind: 'lost'; readonly error: Error };

/** The time in which a member holds an assignment, and how far it has read. */
export class Tenure {
  readonly assignment: Assignment;
  /** Resolves when the member is to give up what it has. */
  readonly end: Promise<TenureEnd>;
  readonly #positions = new Map<string, Position>();
  readonly #paused = new Set<string>();
  readonly #over = new AbortController();
  readonly #end = Promise.withResolvers<TenureEnd>();
  #isEnding = false;
  #wake = new AbortController();

  constructor(assignment: Assignment, positions: readonly Position[]) {
    this.assignment = assignment;
    this.end = this.#end.promise;
    for (const position of positions) this.#positions.set(nameOf(position), position);
  }

  /** No records are given from now on. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Aborted when all is over: nothing is asked of the broker any more. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Aborted when something else is to be read than was asked for. */
  get changed(): AbortSignal {
    return this.#wake.signal;
  }

  /** What is to be read next. */
  wanted(): readonly Position[] {
    this.#wake = new AbortController();
    if (this.#isEnding) return [];
    return [...this.#positions.values()].filter((position) => !this.#paused.has(nameOf(position)));
  }

  /** Whether records that were asked for from there are still wanted. */
  isAt(position: Position): boolean {
    const name = nameOf(position);
    const isHere = this.#positions.get(name)?.offset === position.offset;
    return isHere && !this.#paused.has(name) && !this.#isEnding;
  }

  /** Nothing happens for a partition that is not held. */
  moveTo(position: Position): void {
    if (!this.#positions.has(nameOf(position))) return;
    this.#positions.set(nameOf(position), position);
  }

  seek(position: Position): void {
    this.moveTo(position);
    this.#wake.abort();
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#paused.add(nameOf(partition));
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#paused.delete(nameOf(partition));
    this.#wake.abort();
  }

  /** The first reason counts. */
  finish(end: TenureEnd): void {
    this.#isEnding = true;
    this.#end.resolve(end);
    this.#wake.abort();
  }

  close(): void {
    this.finish({ kind: 'stop' });
    this.#over.abort();
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
