import { checkKnown, checkMethods, checkMs, checkTime } from '../check.ts';
import { type Clock, settledWithin } from '../clock.ts';
import { QueueFullError, SendError } from '../errors.ts';
import { type EncodedMessage, type EncodeOptions, encode } from '../topics/envelope.ts';
import { headerNames, textHeader } from '../topics/headers.ts';
import { type AnyTopic, checkTopic } from '../topics/topic.ts';
import { isTracing } from '../tracing.ts';
import type { Sent } from './delivery.ts';
import type { Producer } from './producer.ts';
import type { ResolvedProducerOptions } from './producer-options.ts';
import { SendSpan } from './send-span.ts';
import { unlessAborted } from './signals.ts';

/** What `send` takes beside the message. */
export interface SendOptions extends EncodeOptions {
  /** Default: that of the key by murmur2; without a key any, another one for each batch. */
  readonly partition?: number;
  /** When it happened, in ms since 1970. Default: now. */
  readonly timestamp?: number;
  /**
   * In how many ms nobody needs the message any more. Travels in a header, and handlers are told; it does
   * not end the `send`. Default: none.
   */
  readonly deadlineMs?: number;
  /**
   * Takes the message back: before the driver has it, it is not written; afterwards only the caller stops
   * waiting. Either way rejects with `signal.reason`. Default: none.
   */
  readonly signal?: AbortSignal;
}

const known = ['key', 'headers', 'partition', 'timestamp', 'deadlineMs', 'signal'];

/** One call of `send`. */
interface SendCall {
  readonly topic: AnyTopic;
  readonly options: SendOptions;
  readonly span: SendSpan | undefined;
  /** When it is given up, in ms of the clock. */
  readonly deadlineMs: number;
}

/** What a sender is made of. */
export interface SenderParts {
  readonly name: string;
  readonly producer: Producer;
  readonly options: ResolvedProducerOptions;
  readonly clock: Clock;
}

/** Makes records of messages and writes them in the order of the calls, however long their encoding takes. */
export class Sender {
  readonly #parts: SenderParts;
  /** By topic: resolves when every message before has its place. */
  readonly #turns = new Map<string, Promise<void>>();
  #encoding = 0;

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  /** Never throws: whatever is wrong is a rejection. */
  send(topic: AnyTopic, message: unknown, options: SendOptions): Promise<Sent> {
    try {
      checkTopic(topic);
      checkKnown('send', options, known);
      if (options.signal !== undefined) checkMethods('signal', options.signal, ['throwIfAborted']);
    } catch (error) {
      return Promise.reject(error);
    }
    if (!isTracing()) return this.#send(topic, message, options, undefined);
    const span = new SendSpan(this.#parts.name, topic.name);
    return span.end(this.#send(topic, message, options, span));
  }

  /** Resolves when nothing is being encoded any more. */
  async idle(): Promise<void> {
    while (this.#turns.size > 0) await Promise.all(this.#turns.values());
  }

  #send(
    topic: AnyTopic,
    message: unknown,
    options: SendOptions,
    span: SendSpan | undefined,
  ): Promise<Sent> {
    try {
      const { clock, options: settings } = this.#parts;
      const deadlineMs = clock.now() + settings.deliveryTimeoutMs;
      const call = { topic, options, span, deadlineMs };
      const encoded = encode(topic, message, options);
      const isAtOnce = !(encoded instanceof Promise) && !this.#turns.has(topic.name);
      if (isAtOnce) return this.#write(call, encoded);
      return unlessAborted(this.#writeInTurn(call, encoded), options.signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #write({ topic, options, span, deadlineMs }: SendCall, encoded: EncodedMessage): Promise<Sent> {
    const { clock, producer, options: settings } = this.#parts;
    const { partition, timestamp, signal } = options;
    const { key, value, headers } = encoded;
    // A driver would find out when it makes the batch, with others in it.
    if (timestamp !== undefined) checkTime('timestamp', timestamp);
    if (options.deadlineMs !== undefined) {
      checkMs('deadlineMs', options.deadlineMs, 0);
      const neededUntilMs = Math.round(clock.wall()) + options.deadlineMs;
      headers.push(textHeader(headerNames.deadline, neededUntilMs));
    }
    span?.describe(encoded);
    const record = { key, value, headers, timestamp: timestamp ?? clock.wall() };
    const maxBytes = settings.maxBatchBytes;
    return producer.write(topic.name, record, { partition, signal, maxBytes, deadlineMs });
  }

  async #writeInTurn(
    call: SendCall,
    encoded: EncodedMessage | Promise<EncodedMessage>,
  ): Promise<Sent> {
    const { topic } = call;
    const before = this.#turns.get(topic.name);
    const turn = Promise.withResolvers<void>();
    this.#turns.set(topic.name, turn.promise);
    this.#encoding += 1;
    try {
      // Also one that fails keeps its place, lest the next go past those before it.
      const [ready] = await Promise.allSettled([this.#timely(topic, encoded), before]);
      if (ready.status === 'rejected') throw ready.reason;
      return this.#write(call, ready.value);
    } finally {
      this.#encoding -= 1;
      turn.resolve();
      if (this.#turns.get(topic.name) === turn.promise) this.#turns.delete(topic.name);
    }
  }

  /** A schema or encoder that does not end must not hold up the others for ever, nor may they pile up. */
  async #timely(
    { name }: AnyTopic,
    encoded: EncodedMessage | Promise<EncodedMessage>,
  ): Promise<EncodedMessage> {
    const { clock, options } = this.#parts;
    if (!(encoded instanceof Promise)) return encoded;
    const { max } = options.queue;
    if (this.#encoding > max) {
      encoded.catch(() => undefined);
      throw new QueueFullError(name, this.#encoding - 1, 0);
    }
    const why = `its encoding took longer than ${options.deliveryTimeoutMs} ms`;
    const late = new SendError(name, why, { partition: undefined, maybeWritten: false });
    await settledWithin(clock, options.deliveryTimeoutMs, encoded);
    return Promise.race([encoded, Promise.reject(late)]);
  }
}
