import type { BatchReader } from './batch-reader.ts';
import type { Bus } from './bus.ts';
import { Deletes } from './deletes.ts';
import { AWAY, type Guard } from './guard.ts';
import type { Names } from './names.ts';
import { EVERYTHING, type Generation, isOver, newId, type Tags } from './tags.ts';
import type { Tier } from './tier.ts';

/** A tag of an entry in L2, and its id when the entry was loaded. */
export interface Stamp {
  readonly tag: string;
  readonly id: string;
}

/** All values are lost with the id that they all have, and it is one small key. */
const KEEP_EVERYTHING_MS = 10 * 365 * 86_400_000;

const noTags: readonly Generation[] = [];

/** What the stamper works with. */
export interface StamperParts {
  readonly tags: Tags;
  readonly tier: Tier;
  readonly guard: Guard;
  readonly reader: BatchReader;
  readonly bus: Bus | undefined;
  readonly names: Names;
  /** Called when L2 has confirmed invalidations that waited. */
  readonly onLate: (tags: readonly string[]) => void;
}

/** How the ids of tags are kept in L2. */
export interface StamperOptions {
  /** How long an id is kept, longer than any entry. */
  readonly keepMs: number;
}

/** Knows the current ids of tags in L2, and changes them. */
export class Stamper {
  readonly #parts: StamperParts;
  readonly #options: StamperOptions;
  readonly #asking = new Map<string, Promise<Generation | undefined>>();
  /** Invalidations that L2 has not confirmed. */
  readonly #waiting: Deletes;

  constructor(parts: StamperParts, options: StamperOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#waiting = new Deletes(
      parts.guard,
      (tags) => Promise.all(tags.map((tag) => this.#renew(tag, newId()))),
      parts.onLate,
    );
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** The current generations of these tags; undefined when L2 does not say. Never rejects. */
  async current(tags: readonly string[]): Promise<readonly Generation[] | undefined> {
    const generations: Generation[] = [];
    const answers = tags.map((tag) => this.#known(tag) ?? this.#ask(tag));
    for (const answer of answers) {
      const generation = await answer;
      if (!generation) return undefined;
      generations.push(generation);
    }
    return generations;
  }

  /**
   * The generation of the tag that every entry has; undefined when L2 does not say. No promise where
   * it is known: this is on the way of every value from L2.
   */
  everything(): Generation | Promise<Generation | undefined> {
    return this.#known(EVERYTHING) ?? this.#ask(EVERYTHING);
  }

  /**
   * The generations of an entry's stamps; undefined when one of them is over, or L2 does not say.
   *
   * @param everything the generation of the tag that every entry has, which is the first stamp
   */
  match(
    [first, ...own]: readonly Stamp[],
    everything: Generation,
  ): readonly Generation[] | undefined | Promise<readonly Generation[] | undefined> {
    if (first?.tag !== EVERYTHING || first.id !== everything.id) return undefined;
    return own.length > 0 ? this.#matchOwn(own) : noTags;
  }

  async #matchOwn(stamps: readonly Stamp[]): Promise<readonly Generation[] | undefined> {
    const generations = await this.current(stamps.map(({ tag }) => tag));
    const isCurrent = generations?.every(({ id }, i) => id === stamps[i]?.id);
    return isCurrent ? generations : undefined;
  }

  /**
   * The generations of tags that became known only while the load ran, as they were when it began
   * (`order` is that of `Tags` then); undefined when nobody knows whether one has changed since.
   */
  async since(order: number, tags: readonly string[]): Promise<readonly Generation[] | undefined> {
    const generations = await this.current(tags);
    const areOld = generations?.every((generation) => generation.order <= order);
    return areOld && !isOver(generations ?? []) ? generations : undefined;
  }

  /** Resolves false when the invalidation waits for L2 to come back. @throws DeleteQueueFullError */
  invalidate(tag: string): Promise<boolean> {
    this.#parts.tags.end(tag);
    return this.#waiting.delete(tag);
  }

  async close(): Promise<void> {
    this.#waiting.stop();
    await this.#waiting.replay();
  }

  /** Without a bus that is heard, nothing is known for longer than one question. */
  #known(tag: string): Generation | undefined {
    const isHeard = this.#parts.bus?.isUp && !this.#waiting.has(tag);
    return isHeard ? this.#parts.tags.checked(tag) : undefined;
  }

  #ask(tag: string): Promise<Generation | undefined> {
    const asking = this.#asking.get(tag);
    if (asking) return asking;
    const answer = this.#read(tag).finally(() => this.#asking.delete(tag));
    this.#asking.set(tag, answer);
    return answer;
  }

  async #read(tag: string): Promise<Generation | undefined> {
    const { tags, reader, guard, names } = this.#parts;
    if (this.#waiting.has(tag)) return undefined;
    const before = tags.last(tag);
    const { epoch } = tags;
    const bytes = await reader.read(names.ofTag(tag));
    if (bytes === AWAY || this.#waiting.has(tag)) return undefined;
    // What was heard or said meanwhile may be newer than the answer.
    if (tags.last(tag) !== before) return tags.checked(tag) ?? this.#read(tag);
    if (bytes) return tags.learn(tag, Buffer.from(bytes).toString('latin1'), epoch);
    const renewed = await guard.run('write', () => this.#renew(tag, newId()));
    return renewed === AWAY ? undefined : renewed;
  }

  /** One after the other on the same connection: who hears of the id finds it there. */
  async #renew(tag: string, id: string): Promise<Generation | undefined> {
    const { tags, tier, bus, names } = this.#parts;
    const before = tags.last(tag);
    const { epoch } = tags;
    const keepMs = tag === EVERYTHING ? KEEP_EVERYTHING_MS : this.#options.keepMs;
    const write = tier.write(names.ofTag(tag), Buffer.from(id, 'latin1'), keepMs);
    await Promise.all([write, bus?.announceTag(tag, id, write)]);
    // Which of two changes came last, only L2 knows.
    return tags.last(tag) === before ? tags.learn(tag, id, epoch) : undefined;
  }
}
