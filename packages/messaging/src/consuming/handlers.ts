import { decode } from '../topics/envelope.ts';
import type { Topic } from '../topics/topic.ts';
import type { Attempt } from './attempt.ts';
import type { Call } from './handling.ts';
import {
  type BatchContext,
  type BatchMessage,
  batchContext,
  batchMessage,
  type MessageContext,
  messageContext,
} from './message-context.ts';
import { type Middleware, through } from './middleware.ts';
import { processed } from './process-span.ts';
import type { Task } from './task.ts';

/** Handles one message. It is handled when this returns; what it throws is a failure. */
export type Handler<Message> = (message: Message, ctx: MessageContext) => unknown;

/**
 * Handles messages of one partition, in their order. All are handled when this returns; what it throws is a
 * failure of the whole batch, which is tried again, and at last each of its messages alone.
 */
export type BatchHandler<Message> = (
  messages: readonly BatchMessage<Message>[],
  ctx: BatchContext,
) => unknown;

/** What the calls of a subscription have in common. */
export interface CallParts<Message> {
  readonly topic: Topic<Message, unknown>;
  readonly group: string;
  /** Read anew for each call, so that it may still grow. */
  readonly middleware: readonly Middleware[];
}

export function singleCall<Message>(parts: CallParts<Message>, handler: Handler<Message>): Call {
  const { topic, group, middleware } = parts;
  const handled = async (task: Task, attempt: Attempt) => {
    const { record } = task.first;
    const decoded = decode(topic, record);
    const message = decoded instanceof Promise ? await decoded : decoded;
    attempt.throwIfAborted();
    const ctx = messageContext(task.held, record, { attempt, number: task.attempts, group });
    if (middleware.length === 0) await handler(message, ctx);
    else await through(middleware, ctx, () => handler(message, ctx));
  };
  return (task, attempt) => processed(task, group, () => handled(task, attempt));
}

export function batchCall<Message>(
  parts: CallParts<Message>,
  handler: BatchHandler<Message>,
): Call {
  const { topic, group, middleware } = parts;
  const handled = async (task: Task, attempt: Attempt) => {
    const messages = await decodeAll(topic, task, attempt);
    const call = { attempt, number: task.attempts, group };
    const ctx = batchContext(task.held, messages.length, call);
    await through(middleware, ctx, () => handler(messages, ctx));
  };
  return (task, attempt) => processed(task, group, () => handled(task, attempt));
}

async function decodeAll<Message>(
  topic: Topic<Message, unknown>,
  { held, arrivals }: Task,
  attempt: Attempt,
): Promise<BatchMessage<Message>[]> {
  const messages: BatchMessage<Message>[] = [];
  for (const { record } of arrivals) {
    messages.push(batchMessage(held, record, await decode(topic, record)));
    attempt.throwIfAborted();
  }
  return messages;
}
