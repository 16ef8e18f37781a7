import type { TopicPartition } from '../record.ts';
import type { ProduceOutcome } from './produce.ts';

/** What became of one partition of a request. */
interface Outcome {
  /** Undefined when the broker did not say. */
  readonly code: number | undefined;
  readonly baseOffset: number;
  readonly cause: unknown;
  /** Whether it may have reached the broker. */
  readonly hasLeft: boolean;
}

/** One request on its way: each of its partitions is judged for itself. */
export class Flight {
  readonly #landed = new Map<string, ProduceOutcome>();
  readonly #left = new Set<string>();
  readonly #stayed = new Map<string, unknown>();
  #cause: unknown = new Error('the broker says nothing about this partition');

  /** It could not be made ready. */
  stayed(partition: TopicPartition, cause: unknown): void {
    this.#stayed.set(keyOf(partition), cause);
  }

  left(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.#left.add(keyOf(partition));
  }

  landed(outcome: ProduceOutcome): void {
    this.#landed.set(keyOf(outcome), outcome);
  }

  failed(cause: unknown): void {
    this.#cause = cause;
  }

  outcomeOf(partition: TopicPartition): Outcome {
    const key = keyOf(partition);
    const { errorCode: code, baseOffset = -1 } = this.#landed.get(key) ?? {};
    const cause = this.#stayed.get(key) ?? this.#cause;
    return { code, baseOffset, cause, hasLeft: this.#left.has(key) };
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic} ${partition}`;
}
