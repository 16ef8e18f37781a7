import type { TopicPartition } from './record.ts';

const MAX_REASON_LENGTH = 500;

/** The `code` of every error that a subscription makes itself. */
export type ConsumerErrorCode =
  | HandlerTimeoutError['code']
  | PartitionLostError['code']
  | RetryableError['code']
  | PoisonError['code']
  | FatalError['code'];

/** To be thrown by a handler: another attempt may succeed. So is every error that nobody knows. */
export class RetryableError extends Error {
  override readonly name: string = 'RetryableError';
  readonly code = 'ERR_MESSAGING_RETRYABLE';
}

/** To be thrown by a handler: no attempt will ever succeed with this message. It goes to the dead letters at once. */
export class PoisonError extends Error {
  override readonly name: string = 'PoisonError';
  readonly code = 'ERR_MESSAGING_POISON';
}

/**
 * To be thrown by a handler: nothing can be handled any more, whichever message comes. The subscription
 * stops, the message stays where it is, and `health()` says `down`.
 */
export class FatalError extends Error {
  override readonly name: string = 'FatalError';
  readonly code = 'ERR_MESSAGING_FATAL';
}

/** The handler took longer than `timeoutMs`. It is the reason of its signal, and counts as a failed attempt. */
export class HandlerTimeoutError extends Error {
  override readonly name = 'HandlerTimeoutError';
  readonly code = 'ERR_MESSAGING_HANDLER_TIMEOUT';
  readonly timeoutMs: number;

  constructor(timeoutMs: number) {
    super(`the handler took longer than ${timeoutMs} ms`);
    this.timeoutMs = timeoutMs;
  }
}

/**
 * The partition is no longer ours, so the message will be handled again, there or here: the reason of the
 * signal of a handler that still ran.
 */
export class PartitionLostError extends Error {
  override readonly name = 'PartitionLostError';
  readonly code = 'ERR_MESSAGING_PARTITION_LOST';
  readonly topic: string;
  readonly partition: number;

  constructor({ topic, partition }: TopicPartition) {
    super(`partition ${partition} of "${topic}" was given up while the handler ran`);
    this.topic = topic;
    this.partition = partition;
  }
}

/** What an error means for the message. */
export type FailureKind = 'retryable' | 'poison' | 'fatal';

/** Says what an error means; undefined leaves it to the class of the error. */
export type Classify = (error: unknown) => FailureKind | undefined;

/** Errors of two copies of the package are told by their code. */
const kinds = new Map<unknown, FailureKind>([
  ['ERR_MESSAGING_POISON', 'poison'],
  ['ERR_MESSAGING_SCHEMA', 'poison'],
  ['ERR_MESSAGING_FATAL', 'fatal'],
]);

/** A `classify` that throws has said nothing. */
export function kindOf(error: unknown, classify?: Classify): FailureKind {
  return asked(error, classify) ?? kinds.get(codeOf(error)) ?? 'retryable';
}

function asked(error: unknown, classify: Classify | undefined): FailureKind | undefined {
  const kind = safely(() => classify?.(error), undefined);
  return kind === 'retryable' || kind === 'poison' || kind === 'fatal' ? kind : undefined;
}

/** The `code` of what was thrown, if it has one. */
export function codeOf(thrown: unknown): unknown {
  return safely(() => Object(thrown).code, undefined);
}

/** The `name` of what was thrown, or else its type. */
export function nameOf(thrown: unknown): string {
  return safely(() => (thrown instanceof Error ? String(thrown.name) : typeof thrown), 'object');
}

/** What was thrown, in one line of bounded length. */
export function reasonOf(thrown: unknown): string {
  const text = safely(
    () => (thrown instanceof Error ? thrown.message : String(thrown)),
    'something that cannot be shown',
  );
  return text.replaceAll(/\s+/g, ' ').slice(0, MAX_REASON_LENGTH);
}

/** Anything can be thrown, also what throws when it is looked at. */
function safely<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}
