import type { Bus } from './bus.ts';
import type { Changes } from './changes.ts';
import { AWAY, type Guard } from './guard.ts';
import type { Lease, LeasedWrite } from './leases.ts';
import type { Names } from './names.ts';
import type { Sealer, Writing } from './sealer.ts';
import type { Generation } from './tags.ts';
import type { Tier } from './tier.ts';

/** What values are written with. */
export interface WriterParts {
  readonly tier: Tier;
  readonly guard: Guard;
  readonly bus: Bus | undefined;
  readonly names: Names;
  readonly sealer: Sealer<unknown>;
  readonly changes: Changes;
  /** Whether only who has a lease may write what was loaded. */
  readonly isLeased: boolean;
}

/** Which values are written, and for how long they are kept. */
export interface WriterOptions {
  /** Larger ones are not written. */
  readonly maxValueBytes: number;
  /** How much longer than its ttl a value is kept, to be served when a loader fails. */
  readonly keepStaleMs: number;
}

/** What is written instead of a value that is not. */
const expired = { payload: undefined, etag: '', isExpired: true };

/** Puts values into L2: what was loaded, under its lease, and what somebody has set. */
export class Writer {
  bytesWritten = 0;
  /** Values that were not written, as they have too many bytes. */
  tooLarge = 0;
  readonly #parts: WriterParts;
  readonly #options: WriterOptions;

  constructor(parts: WriterParts, options: WriterOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Writes what was loaded; never rejects. Gives the lease back whatever happens. */
  async fill(
    key: string,
    writing: Writing,
    stamps: readonly Generation[],
    lease: Lease | undefined,
  ): Promise<LeasedWrite> {
    if (this.#isTooLarge(writing)) return this.#fillWithNothing(key, writing, stamps, lease);
    const bytes = this.#parts.sealer.seal(writing, stamps);
    const keepMs = this.#keepMs(writing);
    if (lease) return this.#written(bytes, await lease.write(bytes, keepMs));
    // Without the right to write, another process may have deleted the key since the load began.
    if (this.#parts.isLeased) return 'away';
    return (await this.#write(key, bytes, keepMs)) ? 'stored' : 'away';
  }

  /** What is there already is older than what has no place there. */
  async #fillWithNothing(
    key: string,
    writing: Writing,
    stamps: readonly Generation[],
    lease: Lease | undefined,
  ): Promise<LeasedWrite> {
    // Written all the same, it would be news to each process that L2 tells of changes, and again at its end.
    if (lease?.isOverNothing) return lease.release();
    const { tier, guard, names, sealer, changes, isLeased } = this.#parts;
    const bytes = sealer.seal({ ...writing, ...expired }, stamps);
    // For no longer than must be.
    if (lease) return this.#written(bytes, await lease.write(bytes, 1));
    if (isLeased || changes.isWaiting(key)) return 'away';
    const deleting = () => tier.delete([names.ofKey(key)]);
    return (await guard.run('write', deleting)) === AWAY ? 'away' : 'stored';
  }

  /** Writes whatever anybody loads, and tells the other processes. @throws DeleteQueueFullError */
  set(key: string, writing: Writing, stamps: readonly Generation[]): Promise<boolean> {
    const { changes, sealer, bus } = this.#parts;
    if (this.#isTooLarge(writing)) return changes.delete(key);
    const bytes = sealer.seal(writing, stamps);
    const announce = (written: Promise<void>) => bus?.announce([key], written);
    return this.#write(key, bytes, this.#keepMs(writing), announce);
  }

  async #write(
    key: string,
    bytes: Uint8Array,
    keepMs: number,
    announce?: (written: Promise<void>) => Promise<void> | undefined,
  ): Promise<boolean> {
    const { tier, guard, names, changes } = this.#parts;
    if (changes.isWaiting(key)) return false;
    const done = await guard.run('write', () => {
      const written = tier.write(names.ofKey(key), bytes, keepMs);
      return Promise.all([written, announce?.(written)]);
    });
    if (done === AWAY) return false;
    this.bytesWritten += bytes.length;
    return true;
  }

  #written(bytes: Uint8Array, result: LeasedWrite): LeasedWrite {
    if (result === 'stored') this.bytesWritten += bytes.length;
    return result;
  }

  #isTooLarge({ payload }: Writing): boolean {
    const isTooLarge = payload !== undefined && payload.length > this.#options.maxValueBytes;
    if (isTooLarge) this.tooLarge += 1;
    return isTooLarge;
  }

  #keepMs({ ttlMs }: Writing): number {
    return ttlMs + this.#options.keepStaleMs;
  }
}
