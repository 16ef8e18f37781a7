import { setTimeout as sleep } from 'node:timers/promises';
import {
  createMessaging,
  type Messaging,
  PoisonError,
  type Subscription,
} from '@shopgpt/messaging';
import { kafkajs } from '@shopgpt/messaging/kafkajs';
import { Kafka, logLevel } from 'kafkajs';
import { type Entry, nowMs } from './journal.ts';
import { isPoison, isShaky, workTopic } from './work.ts';

export interface MemberOptions {
  /** Of the brokers, with commas between. */
  readonly url: string;
  readonly topic: string;
  readonly partitions: number;
  readonly group: string;
  /** Its name in the journal. */
  readonly member: string;
  /** How long each message takes. */
  readonly workMs: number;
  readonly sessionTimeoutMs: number;
  readonly maxUncommitted: number;
}

/** @returns resolves when it cannot get lost any more, even if this process dies */
export type Tell = (entry: Entry) => unknown;

export function messagingOn(url: string, name: string): Messaging {
  const kafka = new Kafka({ brokers: url.split(','), logLevel: logLevel.NOTHING });
  return createMessaging({ name, driver: kafkajs(kafka) });
}

export async function startMember(options: MemberOptions, tell: Tell): Promise<Messaging> {
  const messaging = messagingOn(options.url, options.member);
  joinWith(messaging, options, tell);
  await messaging.start();
  return messaging;
}

/** A member of a group that tells of every call, before anything can be committed because of it. */
export function joinWith(messaging: Messaging, options: MemberOptions, tell: Tell): Subscription {
  const { topic, partitions, group, member, workMs } = options;
  const { sessionTimeoutMs, maxUncommitted } = options;
  return messaging.subscribe(
    workTopic(topic, partitions),
    async (message, { partition, offset, attempt }) => {
      const told = (kind: Entry['kind']) =>
        tell({ ...message, kind, atMs: nowMs(), group, member, partition, offset });
      await told('begun');
      await sleep(workMs);
      if (isPoison(message)) {
        await told('poisoned');
        throw new PoisonError('it never works');
      }
      if (isShaky(message) && attempt === 1) {
        await told('failed');
        throw new Error('once more');
      }
      await told('handled');
    },
    { group, concurrency: 64, sessionTimeoutMs, maxUncommitted, commitIntervalMs: 200 },
  );
}
