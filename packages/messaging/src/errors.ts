import type { TopicPartition } from './record.ts';

/** The `code` of every error that messaging makes itself. */
export type MessagingErrorCode =
  | DriverError['code']
  | FatalError['code']
  | HandlerTimeoutError['code']
  | MessageTooLargeError['code']
  | MessagingClosedError['code']
  | PartitionLostError['code']
  | PoisonError['code']
  | ProvisionRefusedError['code']
  | QueueFullError['code']
  | RetryableError['code']
  | SchemaError['code']
  | SendError['code']
  | UnknownTopicError['code'];

/** What a driver says about itself when it fails. */
export interface DriverErrorOptions extends ErrorOptions {
  /** Whether the same call may succeed later. */
  readonly isRetriable: boolean;
  /** Whether the group has gone on without this member. Default false. */
  readonly isStale?: boolean;
}

/** The cluster, or the way to it, failed. */
export class DriverError extends Error {
  override readonly name = 'DriverError';
  readonly code = 'ERR_MESSAGING_DRIVER';
  /** Whether the same call may succeed later. */
  readonly isRetriable: boolean;
  /** Whether the group has gone on without this member. */
  readonly isStale: boolean;

  constructor(message: string, { isRetriable, isStale = false, ...options }: DriverErrorOptions) {
    super(message, options);
    this.isRetriable = isRetriable;
    this.isStale = isStale;
  }
}

/** The cluster has no such topic. */
export class UnknownTopicError extends Error {
  override readonly name = 'UnknownTopicError';
  readonly code = 'ERR_MESSAGING_UNKNOWN_TOPIC';
  readonly topic: string;

  constructor(topic: string, options?: ErrorOptions) {
    super(`there is no topic "${topic}"`, options);
    this.topic = topic;
  }
}

/** What a `SendError` knows. */
export interface SendErrorOptions extends ErrorOptions {
  /** Undefined when it was not chosen yet. */
  readonly partition: number | undefined;
  /** False: it is not in the log and never will be. True: nobody can tell whether it is. */
  readonly maybeWritten: boolean;
}

/** A message was accepted and could not be delivered; `cause` says why. */
export class SendError extends Error {
  override readonly name = 'SendError';
  readonly code = 'ERR_MESSAGING_SEND';
  readonly topic: string;
  /** Undefined when it was not chosen yet. */
  readonly partition: number | undefined;
  /** False: it is not in the log and never will be. True: nobody can tell whether it is. */
  readonly maybeWritten: boolean;

  constructor(
    topic: string,
    why: string,
    { partition, maybeWritten, ...options }: SendErrorOptions,
  ) {
    const where = partition === undefined ? `"${topic}"` : `"${topic}" partition ${partition}`;
    const fate = maybeWritten ? 'it may have been written' : 'it was not written';
    super(`a message to ${where} failed, ${fate}: ${why}`, options);
    this.topic = topic;
    this.partition = partition;
    this.maybeWritten = maybeWritten;
  }
}

/** The queue has no room for this message: nothing was sent. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError';
  readonly code = 'ERR_MESSAGING_QUEUE_FULL';
  readonly topic: string;
  /** How many messages are queued or in flight, of all topics. */
  readonly messages: number;
  /** How many bytes these take. */
  readonly bytes: number;

  constructor(topic: string, messages: number, bytes: number) {
    super(
      `no room for a message to "${topic}": ${messages} (${bytes} bytes) are not delivered yet`,
    );
    this.topic = topic;
    this.messages = messages;
    this.bytes = bytes;
  }
}

/** A call after `close()`, or a message that was not sent before the end of it. */
export class MessagingClosedError extends Error {
  override readonly name = 'MessagingClosedError';
  readonly code = 'ERR_MESSAGING_CLOSED';

  constructor(messaging: string) {
    super(`messaging "${messaging}" is closed`);
  }
}

/** A message alone is larger than a batch may be: nothing was sent. */
export class MessageTooLargeError extends Error {
  override readonly name = 'MessageTooLargeError';
  readonly code = 'ERR_MESSAGING_TOO_LARGE';
  readonly topic: string;
  readonly bytes: number;
  readonly maxBytes: number;

  constructor(topic: string, bytes: number, maxBytes: number) {
    super(`a message of ${bytes} bytes to "${topic}" exceeds maxBatchBytes ${maxBytes}`);
    this.topic = topic;
    this.bytes = bytes;
    this.maxBytes = maxBytes;
  }
}

/**
 * Why a message does not fit its topic: `'invalid'` the schema refuses it, `'unencodable'` it cannot
 * become bytes unchanged, `'undecodable'` its bytes cannot be read, `'newer'` it is of a version that
 * this process does not know, `'outdated'` there is no upcaster for its version, or one threw.
 */
export type SchemaProblem = 'invalid' | 'unencodable' | 'undecodable' | 'newer' | 'outdated';

/** One thing that is wrong with a message. */
export interface SchemaIssue {
  /** Where, e.g. `message.items[3].price`. */
  readonly path: string;
  readonly message: string;
}

/** What a `SchemaError` knows. */
export interface SchemaErrorOptions extends ErrorOptions {
  /** Default: one issue of the whole message, with the text of the error. */
  readonly issues?: readonly SchemaIssue[];
}

/** A message does not fit its topic. No repetition helps, so a handler's group dead-letters it at once. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
  readonly code = 'ERR_MESSAGING_SCHEMA';
  readonly topic: string;
  readonly problem: SchemaProblem;
  readonly issues: readonly SchemaIssue[];

  constructor(
    topic: string,
    problem: SchemaProblem,
    why: string,
    { issues, ...options }: SchemaErrorOptions = {},
  ) {
    super(`topic "${topic}": ${why}`, options);
    this.topic = topic;
    this.problem = problem;
    this.issues = issues ?? [{ path: 'message', message: why }];
  }
}

/** Topics cannot be made what they are to be; nothing was changed. */
export class ProvisionRefusedError extends Error {
  override readonly name = 'ProvisionRefusedError';
  readonly code = 'ERR_MESSAGING_PROVISION_REFUSED';
  /** The topics at fault. */
  readonly topics: readonly string[];

  constructor(topics: readonly string[], reasons: readonly string[]) {
    super(`nothing was provisioned: ${reasons.join('; ')}`);
    this.topics = topics;
  }
}

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
