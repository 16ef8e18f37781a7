import { setTimeout as sleep } from 'node:timers/promises';
import type { Driver } from '@shopgpt/messaging';
import { type Entry, nowMs } from './journal.ts';

interface Sample {
  readonly atMs: number;
  readonly offsets: readonly (number | undefined)[];
}

/** Asks again and again what a group has committed; while the cluster is away nobody knows. */
export class Commits {
  readonly #samples: Sample[] = [];
  readonly #over = new AbortController();
  readonly #asking: Promise<void>;

  constructor(driver: Driver, group: string, topic: string) {
    this.#asking = this.#ask(() => driver.admin.committed(group, topic));
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#asking;
  }

  /** How many calls were for messages that the group had committed by then. */
  countAgain(entries: readonly Entry[]): number {
    return entries.filter((entry) => entry.kind === 'begun' && this.#had(entry)).length;
  }

  /** How often less was committed than before. */
  get steppedBack(): number {
    return this.#samples.filter(({ offsets }, i) => {
      const before = this.#samples[i - 1]?.offsets ?? [];
      return before.some((offset, partition) => (offset ?? 0) > (offsets[partition] ?? 0));
    }).length;
  }

  #had({ atMs, partition, offset }: Entry): boolean {
    const known = this.#samples.findLast((sample) => sample.atMs <= atMs);
    return (known?.offsets[partition] ?? 0) > offset;
  }

  async #ask(committed: () => Promise<Sample['offsets']>): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      const offsets = await committed().catch(() => undefined);
      if (offsets) this.#samples.push({ atMs: nowMs(), offsets });
      await sleep(200, undefined, { signal }).catch(() => undefined);
    }
  }
}
