import { escapeKey, isHashed, unescapeKey } from './keys.ts';
import { EVERYTHING } from './tags.ts';

/** Hashed names are gone through when there are so many, or twice as many as were of use last time. */
const MIN_SWEEP = 1000;

/** What a name in L2 stands for. */
export type Meaning =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'tag'; readonly tag: string }
  /** Of a tag so long that its name is a hash. */
  | { readonly kind: 'some tag' };

/** How keys and tags are called in L2, and the way back. */
export class Names {
  readonly #prefix: string;
  readonly #isHeld: ((key: string) => boolean) | undefined;
  /** The keys that are so long that their names are hashes. */
  readonly #keys = new Map<string, string>();
  #sweepAt = MIN_SWEEP;

  /**
   * @param prefix what all names begin with
   * @param isHeld whether a key is still of interest; without it the way back from a hash is not kept
   */
  constructor(prefix: string, isHeld?: (key: string) => boolean) {
    this.#prefix = prefix;
    this.#isHeld = isHeld;
  }

  /** In braces, so that what belongs to a key is in the same slot of a Cluster. */
  ofKey(key: string): string {
    const escaped = escapeKey(key);
    if (this.#isHeld && isHashed(escaped)) this.#remember(escaped, key, this.#isHeld);
    return `${this.#prefix}{${escaped}}`;
  }

  ofTag(tag: string): string {
    return `${this.#prefix}#{${tag === EVERYTHING ? '%all' : escapeKey(tag)}}`;
  }

  /** Undefined for a name that is not ours, or of a key that nobody here knows. */
  meaning(name: string): Meaning | undefined {
    const [, hash, escaped = ''] = /^(#?)\{(.*)\}$/s.exec(name.slice(this.#prefix.length)) ?? [];
    if (hash === undefined || !name.startsWith(this.#prefix)) return undefined;
    if (hash === '#') return meaningOfTag(escaped);
    const key = isHashed(escaped) ? this.#keys.get(escaped) : unescapeKey(escaped);
    return key === undefined ? undefined : { kind: 'key', key };
  }

  #remember(hash: string, key: string, isHeld: (key: string) => boolean): void {
    if (this.#keys.size >= this.#sweepAt) {
      for (const [old, oldKey] of this.#keys) if (!isHeld(oldKey)) this.#keys.delete(old);
      this.#sweepAt = Math.max(MIN_SWEEP, 2 * this.#keys.size);
    }
    this.#keys.set(hash, key);
  }
}

function meaningOfTag(escaped: string): Meaning {
  if (escaped === '%all') return { kind: 'tag', tag: EVERYTHING };
  return isHashed(escaped) ? { kind: 'some tag' } : { kind: 'tag', tag: unescapeKey(escaped) };
}
