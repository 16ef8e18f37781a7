import { setTimeout as sleep } from 'node:timers/promises';
import type { Driver } from '@shopgpt/messaging';
import { type Entry, nowMs } from './journal.ts';

interface Sample {
  readonly atMs: number;
  /** Below these everything was committed by then. */
  readonly offsets: readonly number[];
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
  countRepeats(entries: readonly Entry[]): number {
    return entries.filter((entry) => entry.kind === 'begun' && this.#had(entry)).length;
  }

  #had({ atMs, partition, offset }: Entry): boolean {
    const known = this.#samples.findLast((sample) => sample.atMs <= atMs);
    return (known?.offsets[partition] ?? 0) > offset;
  }

  async #ask(committed: () => Promise<readonly (number | undefined)[]>): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      const offsets = await committed().catch(() => undefined);
      if (offsets) this.#learn(offsets);
      await sleep(200, undefined, { signal }).catch(() => undefined);
    }
  }

  /** A node that was away and does not know it yet may tell what is old. */
  #learn(offsets: readonly (number | undefined)[]): void {
    const before = this.#samples.at(-1)?.offsets ?? [];
    const highest = offsets.map((offset, i) => Math.max(offset ?? 0, before[i] ?? 0));
    this.#samples.push({ atMs: nowMs(), offsets: highest });
  }
}
