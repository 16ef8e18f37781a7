import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Driver, Messaging, Topic } from '@shopgpt/messaging';
import { kafkajs } from '@shopgpt/messaging/kafkajs';
import { Kafka, logLevel } from 'kafkajs';
import { onTestFinished } from 'vitest';
import { type Account, accountOf } from './account.ts';
import { Commits } from './commits.ts';
import { Journal } from './journal.ts';
import { lettersOf } from './letters.ts';
import { type MemberOptions, messagingOn, startMember } from './member.ts';
import { Sending, type SendingOptions } from './sending.ts';
import { type Work, workTopic } from './work.ts';

/** Of every member. */
export const maxUncommitted = 200;

export interface SceneOptions {
  /** Default 6. */
  readonly partitions?: number;
  readonly config?: Readonly<Record<string, number>>;
  /** Sends. Default: one of its own. */
  readonly messaging?: Messaging;
}

/** What one test works with: a topic with its dead letters, groups that read it, and what they did. */
export class Scene {
  readonly url: string;
  readonly topic: Topic<Work>;
  readonly driver: Driver;
  /** The one that sends. */
  readonly messaging: Messaging;
  readonly journal: Journal = new Journal();
  readonly #commits = new Map<string, Commits>();

  private constructor(url: string, { partitions = 6, config, messaging }: SceneOptions) {
    this.url = url;
    this.topic = workTopic(`faults-${randomUUID()}`, partitions, config);
    this.driver = kafkajs(new Kafka({ brokers: url.split(','), logLevel: logLevel.NOTHING }));
    this.messaging = messaging ?? messagingOn(url, 'sender');
  }

  static async open(url: string, options: SceneOptions = {}): Promise<Scene> {
    const scene = new Scene(url, options);
    onTestFinished(() => scene.#close());
    await scene.messaging.provision([scene.topic]);
    return scene;
  }

  /** A new group, whose commits are watched from now on. */
  group(): string {
    const group = randomUUID();
    this.#commits.set(group, new Commits(this.driver, group, this.topic.name));
    return group;
  }

  options(group: string, member: string, options: Partial<MemberOptions> = {}): MemberOptions {
    const { url, topic } = this;
    const defaults = { workMs: 2, sessionTimeoutMs: 6_000, maxUncommitted };
    const place = { url, topic: topic.name, partitions: topic.partitions };
    return { ...defaults, ...place, group, member, ...options };
  }

  /** A member within this process. */
  async member(
    group: string,
    name: string,
    options: Partial<MemberOptions> = {},
  ): Promise<Messaging> {
    const member = await startMember(this.options(group, name, options), this.journal.add);
    onTestFinished(() => member.close({ timeoutMs: 2_000 }));
    return member;
  }

  send(options: SendingOptions = {}): Sending {
    return new Sending(this.messaging, this.topic, options);
  }

  /** Waits until the groups have committed all that was sent; then compares. */
  async settle(sending: Sending, forMs = 60_000): Promise<Map<string, Account>> {
    const outcomes = await sending.stop();
    const groups = [...this.#commits.keys()];
    const endMs = performance.now() + forMs;
    while (!(await this.#isDone(groups)) && performance.now() < endMs) await sleep(100);
    await Promise.all([...this.#commits.values()].map((commits) => commits.stop()));
    const letters = await lettersOf(this.driver, this.topic.name);
    const { journal } = this;
    return new Map(
      [...this.#commits].map(([group, commits]) => [
        group,
        accountOf({ group, outcomes, journal, letters, commits }),
      ]),
    );
  }

  /** Everything is committed, which nothing is before it is handled or written elsewhere. */
  async #isDone(groups: readonly string[]): Promise<boolean> {
    const { admin } = this.driver;
    const { name } = this.topic;
    const ends = await admin.offsets(name, 'latest');
    for (const group of groups) {
      const committed = await admin.committed(group, name);
      if (ends.some((end, partition) => (committed[partition] ?? 0) < end)) return false;
    }
    return true;
  }

  async #close(): Promise<void> {
    for (const commits of this.#commits.values()) await commits.stop();
    await this.messaging.close({ timeoutMs: 1_000 });
    await this.driver.close();
  }
}

/** One line for whoever reads the log of a run. */
export function say(title: string, figures: object): void {
  process.stdout.write(`${title}: ${JSON.stringify(figures)}\n`);
}
