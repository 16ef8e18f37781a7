import { defineTopic, type Topic } from '@shopgpt/messaging';
import { z } from 'zod';
import { uuidV7 } from './id.ts';
import type { User, UserChanges } from './model.ts';

const about = {
  /** Of the event: one that comes twice has it twice. UUID version 7. */
  id: z.uuid(),
  userId: z.uuid(),
  /** Of the user after the event. Grows by one with each, also with the deletion: the higher one is the later one. */
  version: z.int().min(1),
  /** When it happened, as the user's `updatedAt` says it. */
  at: z.iso.datetime(),
};

/**
 * What happened to a user. It says who and what, and no e-mail address and no name: a topic is kept for days and read
 * by many, so what is in it could not be forgotten when the user asks for it. Who needs more asks `GET /users/:id`.
 */
const userEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('user.created'), ...about }),
  z.object({
    type: z.literal('user.updated'),
    ...about,
    /** The fields that were written, whether or not they had another value before. */
    changed: z.array(z.enum(['email', 'name'])).min(1),
  }),
  z.object({ type: z.literal('user.deleted'), ...about }),
]);
export type UserEvent = z.infer<typeof userEvent>;

const week = 7 * 24 * 3_600_000;

/** The events of all users, those of one user in the order in which they happened. */
export const userEvents: Topic<UserEvent> = userEventsOn(3);

/** The topic for a cluster that keeps each partition on so many brokers. */
export function userEventsOn(replicationFactor: number): Topic<UserEvent> {
  return defineTopic({
    name: 'user-events',
    partitions: 20,
    replicationFactor,
    schema: userEvent,
    key: ({ userId }) => userId,
    config: {
      'retention.ms': week,
      // What was acknowledged survives the loss of a broker, where there are enough of them.
      'min.insync.replicas': Math.min(2, replicationFactor),
    },
  });
}

/** @param user as it is from now on */
export function userCreated(user: User): UserEvent {
  return { type: 'user.created', ...aboutUser(user) };
}

/** @param user as it is from now on */
export function userUpdated(user: User, changes: UserChanges): UserEvent {
  const changed = (['email', 'name'] as const).filter((field) => changes[field] !== undefined);
  return { type: 'user.updated', ...aboutUser(user), changed };
}

/** @param user as it would be if it still were: the deletion counts as a change */
export function userDeleted(user: User): UserEvent {
  return { type: 'user.deleted', ...aboutUser(user) };
}

function aboutUser({ id: userId, version, updatedAt: at }: User) {
  return { id: uuidV7(), userId, version, at };
}
