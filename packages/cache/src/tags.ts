import { randomBytes } from 'node:crypto';

/** The tag that every entry has, without being told: `clear()` invalidates it. */
export const EVERYTHING = '';

/**
 * One life of a tag, between two invalidations. Entries hold on to those under which they were
 * loaded: ending one ends them all at once, however many there are. The id is random and never used
 * again, so a tag that L2 has lost gets another one, and no entry comes back to life with it.
 */
export interface Generation {
  readonly tag: string;
  readonly id: string;
  /** Grows from each generation that this process learns to the next. */
  readonly order: number;
  /** Up to when this process has heard of every change of tags, as `Tags.epoch`. */
  checkedAt: number;
  isOver: boolean;
}

/** Dropping a generation ends its entries, so more are kept than are usual. */
const MAX_TAGS = 100_000;

/** That a tag has ended is of interest as long as somebody asks L2 for its id, so fewer are remembered. */
const MAX_ENDED = 10_000;

export function newId(): string {
  return randomBytes(9).toString('base64url');
}

export function isOver(tags: readonly Generation[]): boolean {
  return tags.some((generation) => generation.isOver);
}

/** What this process knows about tags. */
export class Tags {
  /** How many generations it has learned so far. */
  order = 0;
  /** How many it has seen end. */
  endings = 0;
  #epoch = 0;
  readonly #onEnd: (tag: string) => void;
  readonly #known = new Map<string, Generation>();
  /** One for each tag that has ended and has not been learned since. */
  readonly #ended = new Map<string, Generation>();

  /** @param onEnd told of each tag that was invalidated */
  constructor(onEnd: (tag: string) => void) {
    this.#onEnd = onEnd;
  }

  /** Grows whenever changes of tags may have been missed. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The generation as last known; it may be over. */
  last(tag: string): Generation | undefined {
    return this.#known.get(tag) ?? this.#ended.get(tag);
  }

  /** The generation, unless it is over or a change may have been missed since it was learned. */
  checked(tag: string): Generation | undefined {
    const generation = this.#known.get(tag);
    if (!generation) return undefined;
    return generation.checkedAt === this.#epoch ? generation : undefined;
  }

  /** @param epoch when L2 or another process said so */
  learn(tag: string, id: string, epoch: number): Generation {
    const known = this.#known.get(tag);
    if (known && known.id === id) {
      known.checkedAt = epoch;
      return known;
    }
    if (known) this.end(tag);
    this.order += 1;
    const generation = { tag, id, order: this.order, checkedAt: epoch, isOver: false };
    this.#ended.delete(tag);
    this.#known.set(tag, generation);
    this.#forgetOldest();
    return generation;
  }

  /** The generation as last known, or one that only this process knows. */
  assume(tag: string): Generation {
    const known = this.#known.get(tag);
    return known ?? this.learn(tag, newId(), this.#epoch - 1);
  }

  /** What comes after it has to be asked; who asks at this moment sees that `last` has changed. */
  end(tag: string): void {
    const known = this.#known.get(tag);
    if (known) known.isOver = true;
    this.#known.delete(tag);
    this.#ended.delete(tag);
    this.#ended.set(tag, { tag, id: '', order: this.order, checkedAt: -1, isOver: true });
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > MAX_ENDED && oldest !== undefined) this.#ended.delete(oldest);
    this.endings += 1;
    this.#onEnd(tag);
  }

  /** Changes may have been missed: everything has to be asked again. */
  distrust(): void {
    this.#epoch += 1;
  }

  /** What nobody can end any more must be over. */
  #forgetOldest(): void {
    if (this.#known.size <= MAX_TAGS) return;
    for (const oldest of this.#known.keys()) {
      if (oldest === EVERYTHING) continue;
      this.end(oldest);
      return;
    }
  }
}
