import type { RawRecord, StoredRecord, TopicPartition } from '../record.ts';
import { headerNames, headerNumber, headerText } from '../topics/headers.ts';
import type { Attempt } from './attempt.ts';

/** What a message brings beside itself. */
export interface MessageInfo {
  /** Its key as text; null when it has none. */
  readonly key: string | null;
  /** Every header as text; of a name that repeats, the last. The bytes are in `record`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where it was sent to; for a message from a retry topic, where it was first sent to. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** When it was sent, in ms since 1970. */
  readonly timestamp: number;
  /** When nobody needs it any more, in ms since 1970; undefined when the sender did not say. */
  readonly deadline: number | undefined;
  /** The record as it was read. */
  readonly record: RawRecord;
}

/** What a call of a handler is given beside the messages. */
export interface CallContext {
  /** Aborts when the call takes longer than `timeoutMs` or its partition is given up: pass it on. */
  readonly signal: AbortSignal;
  /** Which call for this message (or batch) it is, from 1 up. */
  readonly attempt: number;
  readonly topic: string;
  readonly partition: number;
  readonly group: string;
}

/** What a handler of single messages is given beside the message. It cannot be changed. */
export interface MessageContext extends CallContext, MessageInfo {}

/** A message in a batch. */
export interface BatchMessage<Message> extends MessageInfo {
  readonly message: Message;
}

/** What a handler of batches is given beside the messages. It cannot be changed. */
export interface BatchContext extends CallContext {
  /** How many messages the batch has. */
  readonly size: number;
}

/** Reads from a record what is asked for, when it is asked for. */
class RecordInfo implements MessageInfo {
  readonly #at: TopicPartition;
  readonly #record: StoredRecord;
  #headers: Readonly<Record<string, string>> | undefined;

  constructor(at: TopicPartition, record: StoredRecord) {
    this.#at = at;
    this.#record = record;
  }

  get key(): string | null {
    const { key } = this.#record;
    return key && text(key);
  }

  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= Object.freeze(headersOf(this.#record));
    return this.#headers;
  }

  get topic(): string {
    return headerText(this.#record.headers, headerNames.originalTopic) ?? this.#at.topic;
  }

  get partition(): number {
    return this.#number(headerNames.originalPartition) ?? this.#at.partition;
  }

  get offset(): number {
    return this.#number(headerNames.originalOffset) ?? this.#record.offset;
  }

  get timestamp(): number {
    return this.#number(headerNames.originalTimestamp) ?? this.#record.timestamp;
  }

  get deadline(): number | undefined {
    return this.#number(headerNames.deadline);
  }

  get record(): RawRecord {
    return this.#record;
  }

  #number(name: string): number | undefined {
    return headerNumber(this.#record.headers, name);
  }
}

/** What belongs to the call. */
export interface CallFacts {
  readonly attempt: Attempt;
  /** From 1 up. */
  readonly number: number;
  readonly group: string;
}

class SingleContext extends RecordInfo implements MessageContext {
  readonly #call: CallFacts;

  constructor(at: TopicPartition, record: StoredRecord, call: CallFacts) {
    super(at, record);
    this.#call = call;
  }

  get signal(): AbortSignal {
    return this.#call.attempt.signal;
  }

  get attempt(): number {
    return this.#call.number;
  }

  get group(): string {
    return this.#call.group;
  }
}

class InBatch<Message> extends RecordInfo implements BatchMessage<Message> {
  readonly message: Message;

  constructor(at: TopicPartition, record: StoredRecord, message: Message) {
    super(at, record);
    this.message = message;
  }
}

export function messageContext(
  at: TopicPartition,
  record: StoredRecord,
  call: CallFacts,
): MessageContext {
  return new SingleContext(at, record, call);
}

export function batchMessage<Message>(
  at: TopicPartition,
  record: StoredRecord,
  message: Message,
): BatchMessage<Message> {
  return new InBatch(at, record, message);
}

export function batchContext(at: TopicPartition, size: number, call: CallFacts): BatchContext {
  return Object.freeze({
    get signal() {
      return call.attempt.signal;
    },
    attempt: call.number,
    topic: at.topic,
    partition: at.partition,
    group: call.group,
    size,
  });
}

function headersOf({ headers }: StoredRecord): Record<string, string> {
  // No prototype: a header named `constructor` is there only when it was sent.
  const texts: Record<string, string> = Object.create(null);
  for (const [name, value] of headers) if (value) texts[name] = text(value);
  return texts;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
