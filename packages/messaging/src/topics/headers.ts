import { checkObject, show } from '../check.ts';
import type { RawHeader } from '../record.ts';

/** Every header that messaging writes or reads. All are texts in UTF-8, numbers in decimal. */
export const headerNames = {
  /** W3C trace context of whoever sent it. What is written is up to the propagator of the process. */
  traceparent: 'traceparent',
  /** Second half of the W3C trace context. */
  tracestate: 'tracestate',
  /** The version of the message's shape. A message without it is of version 1. */
  version: 'x-version',
  /** A message of an outbox: the same however often it is sent, so that an inbox knows it again. */
  messageId: 'x-message-id',
  /** When nobody needs it any more, in ms since 1970. */
  deadline: 'x-deadline',
  /** A moved message (retry topic, dead letter): the topic that it was first sent to. */
  originalTopic: 'x-original-topic',
  /** A moved message: its partition in that topic. */
  originalPartition: 'x-original-partition',
  /** A moved message: its offset in that partition. */
  originalOffset: 'x-original-offset',
  /** A moved message: when it was first sent, in ms since 1970. */
  originalTimestamp: 'x-original-timestamp',
  /** A moved message: the group whose handler failed. */
  group: 'x-group',
  /** A moved message: how often the handler was called with it. */
  attempts: 'x-attempts',
  /** A moved message: `name` of the last error. */
  errorName: 'x-error-name',
  /** A moved message: `message` of the last error, cut to a bounded length. */
  errorMessage: 'x-error-message',
  /** A moved message: `code` of the last error, where it has one. */
  errorCode: 'x-error-code',
  /** In a retry topic: when it is due, in ms since 1970. */
  notBefore: 'x-not-before',
} as const;

const reserved: ReadonlySet<string> = new Set(Object.values(headerNames));

/** Headers as a sender gives them: text becomes UTF-8. */
export type MessageHeaders = Readonly<Record<string, string | Uint8Array | null>>;

/** A header with a text. */
export function textHeader(name: string, value: string | number): RawHeader {
  return [name, Buffer.from(String(value))];
}

/** The text of a header; of the last one when the name repeats, as in Kafka's own clients. */
export function headerText(headers: readonly RawHeader[], name: string): string | undefined {
  const value = headers.findLast(([each]) => each === name)?.[1];
  if (!value) return undefined;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();
}

/** The number in a header; undefined when it is absent or none. */
export function headerNumber(headers: readonly RawHeader[], name: string): number | undefined {
  const text = headerText(headers, name)?.trim();
  const value = text ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

/**
 * A sender's headers, as Kafka keeps them.
 *
 * @throws TypeError for a name that messaging itself writes, and for a value that is neither text nor bytes
 */
export function rawHeaders(headers: MessageHeaders): RawHeader[] {
  checkObject('headers', headers);
  return Object.entries(headers).map(([name, value]) => {
    if (reserved.has(name)) {
      throw new TypeError(`headers["${name}"] is written by messaging, choose another name`);
    }
    if (typeof value === 'string') return textHeader(name, value);
    if (value === null || value instanceof Uint8Array) return [name, value];
    throw new TypeError(`headers["${name}"] must be text, bytes or null, got ${show(value)}`);
  });
}
