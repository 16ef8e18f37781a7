import { Fifo } from '../fifo.ts';

/** A record whose work may be over. */
export interface Mark {
  readonly offset: number;
  isDone: boolean;
}

/** Knows below which offset of a partition everything is finished, in whatever order records finish. */
export class Watermark<M extends Mark> {
  readonly #open = new Fifo<M>();
  #next: number | undefined;
  /** How many records were added. */
  added = 0;
  /** How many records the position has passed. */
  passed = 0;

  /** @param begin the offset of the first record, when that is known */
  constructor(begin?: number) {
    this.#next = begin;
  }

  /** Adds the next record; offsets grow, and may have gaps. */
  add(mark: M): void {
    this.#open.push(mark);
    this.#next = mark.offset + 1;
    this.added += 1;
  }

  /** Moves over what is done; says whether it moved. */
  advance(): boolean {
    const before = this.passed;
    while (this.#open.peek()?.isDone) {
      this.#open.shift();
      this.passed += 1;
    }
    return this.passed !== before;
  }

  /** The offset to read next if nothing else were ever finished; undefined as long as nothing is known. */
  get position(): number | undefined {
    return this.#open.peek()?.offset ?? this.#next;
  }

  /** The lowest offset that the next record may have. */
  get next(): number {
    return this.#next ?? 0;
  }

  /** The first record that is not finished. */
  get oldest(): M | undefined {
    return this.#open.peek();
  }
}
