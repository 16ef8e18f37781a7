import {
  type Context,
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapSetter,
  trace,
} from '@opentelemetry/api';
import { errorType, attributeNames as names } from '../attributes.ts';
import type { RawHeader } from '../record.ts';
import type { EncodedMessage } from '../topics/envelope.ts';
import { textHeader } from '../topics/headers.ts';
import type { Sent } from './delivery.ts';

const intoHeaders: TextMapSetter<RawHeader[]> = {
  set: (headers, name, value) => void headers.push(textHeader(name, value)),
};

/** The span of one message from `send` to its answer. */
export class SendSpan {
  readonly #span: Span;
  readonly #context: Context;

  constructor(messaging: string, topic: string) {
    const active = context.active();
    const options = {
      kind: SpanKind.PRODUCER,
      attributes: {
        [names.system]: 'kafka',
        [names.operationName]: 'send',
        [names.operationType]: 'send',
        [names.clientId]: messaging,
        [names.topic]: topic,
      },
    };
    this.#span = trace.getTracer('@shopgpt/messaging').startSpan(`send ${topic}`, options, active);
    this.#context = trace.setSpan(active, this.#span);
  }

  /** Notes what is sent, and writes the trace context into its headers. */
  describe({ key, value, headers }: EncodedMessage): void {
    if (key) this.#span.setAttribute(names.key, Buffer.from(key).toString());
    if (value) this.#span.setAttribute(names.bodySize, value.length);
    else this.#span.setAttribute(names.tombstone, true);
    propagation.inject(this.#context, headers, intoHeaders);
  }

  /** Ends with the answer. */
  async end(answer: Promise<Sent>): Promise<Sent> {
    try {
      const sent = await answer;
      this.#span.setAttribute(names.partition, String(sent.partition));
      if (sent.offset !== undefined) this.#span.setAttribute(names.offset, sent.offset);
      return sent;
    } catch (error) {
      this.#span.recordException(error instanceof Error ? error : String(error));
      this.#span.setAttribute(names.errorType, errorType(error));
      this.#span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      this.#span.end();
    }
  }
}
