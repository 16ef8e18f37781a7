/** The `code` of every error that messaging makes itself. */
export type MessagingErrorCode = DriverError['code'] | UnknownTopicError['code'];

/** What a driver says about itself when it fails. */
export interface DriverErrorOptions extends ErrorOptions {
  readonly isRetriable: boolean;
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
