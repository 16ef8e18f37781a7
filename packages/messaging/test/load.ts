import { setTimeout as sleep } from 'node:timers/promises';
import type { Driver, DriverConsumer, DriverProducer, Position } from '../src/driver.ts';
import { Log, type Sent, supervise, TextQueue } from './driver-log.ts';

/** What a fault cost; the names say which of them must be 0. */
export interface Account {
  readonly sent: number;
  readonly acknowledged: number;
  readonly rejected: number;
  /** Distinct records that were read. */
  readonly delivered: number;
  /** Acknowledged, and never read. */
  readonly lost: number;
  /** In the log more than once. */
  readonly duplicated: number;
  /** Behind a later one of its partition. */
  readonly outOfOrder: number;
  /** Said to be not written, and yet in the log. */
  readonly untrue: number;
  /** Acknowledged with an offset where something else is. */
  readonly wrongOffsets: number;
  /** Read again: at-least-once allows it after a fault of the reader. */
  readonly redelivered: number;
  readonly longestMs: number;
}

export interface LoadOptions {
  readonly topic: string;
  readonly partitions: number;
  /** Per second, over all partitions. Default 600. */
  readonly rate?: number;
  /** Default 60,000 ms. */
  readonly deadlineMs?: number;
}

/** Numbered texts to every partition at a steady rate, and how long each took. */
export class Load {
  readonly topic: string;
  readonly #queues: TextQueue[];
  readonly #counters: number[];
  readonly #sent: Promise<Sent & { partition: number; tookMs: number }>[] = [];
  readonly #deadlineMs: number;
  readonly #timer: NodeJS.Timeout;

  constructor(producer: DriverProducer, options: LoadOptions) {
    const { topic, partitions, rate = 600, deadlineMs = 60_000 } = options;
    this.topic = topic;
    this.#deadlineMs = deadlineMs;
    this.#queues = Array.from(
      { length: partitions },
      (_, partition) => new TextQueue(producer, { topic, partition }),
    );
    this.#counters = this.#queues.map(() => 0);
    const perTick = Math.ceil(rate / 100);
    let turn = 0;
    this.#timer = setInterval(() => {
      for (let i = 0; i < perTick; i += 1) this.#send(turn++ % partitions);
    }, 10);
  }

  #send(partition: number): void {
    const count = this.#counters[partition] ?? 0;
    this.#counters[partition] = count + 1;
    const beganMs = performance.now();
    const queue = this.#queues[partition];
    if (!queue) return;
    this.#sent.push(
      queue
        .send(`${partition}:${count}`, this.#deadlineMs)
        .then((sent) => ({ ...sent, partition, tookMs: performance.now() - beganMs })),
    );
  }

  /** Stops, waits for all answers, and for the reader; then compares. */
  async settle(log: Log, forMs = 60_000): Promise<Account> {
    clearInterval(this.#timer);
    const sent = await Promise.all(this.#sent);
    const acknowledged = sent.filter(({ isWritten }) => isWritten);
    const endMs = performance.now() + forMs;
    const isRead = () => {
      const read = new Set(log.texts);
      return acknowledged.every(({ text }) => read.has(text));
    };
    while (!isRead() && performance.now() < endMs) await sleep(100);
    return compare(sent, log);
  }
}

function compare(
  sent: readonly (Sent & { partition: number; tookMs: number })[],
  log: Log,
): Account {
  const byPlace = new Map(
    log.records_.map((record) => [
      `${record.partition}/${record.offset}`,
      Buffer.from(record.value ?? []).toString(),
    ]),
  );
  const texts = [...byPlace.values()];
  const there = new Set(texts);
  const acknowledged = sent.filter(({ isWritten }) => isWritten);
  const isElsewhere = ({ text, offset, partition }: (typeof sent)[number]) =>
    offset !== undefined && byPlace.get(`${partition}/${offset}`) !== text;
  return {
    sent: sent.length,
    acknowledged: acknowledged.length,
    rejected: sent.length - acknowledged.length,
    delivered: there.size,
    lost: acknowledged.filter(({ text }) => !there.has(text)).length,
    duplicated: texts.length - there.size,
    outOfOrder: countBreaks(log),
    untrue: sent.filter((one) => !one.maybeWritten && there.has(one.text)).length,
    wrongOffsets: acknowledged.filter(isElsewhere).length,
    redelivered: log.records_.length - byPlace.size,
    longestMs: Math.round(Math.max(...sent.map(({ tookMs }) => tookMs))),
  };
}

/** A record counts when one of a higher number stands before it in its partition. */
function countBreaks(log: Log): number {
  const highest = new Map<number, number>();
  let breaks = 0;
  const sorted = [...log.records_].sort((a, b) => a.offset - b.offset);
  for (const { partition, value } of sorted) {
    const number = Number(
      Buffer.from(value ?? [])
        .toString()
        .split(':')[1],
    );
    const before = highest.get(partition) ?? -1;
    if (number < before) breaks += 1;
    highest.set(partition, Math.max(number, before));
  }
  return breaks;
}

/** A reader that commits what it has read, one commit after the other. */
export class CommittingLog extends Log {
  readonly #next = new Map<number, Position>();
  #isCommitting = false;
  #consumer: DriverConsumer | undefined;

  reads(consumer: DriverConsumer): void {
    this.#consumer = consumer;
  }

  override records(...args: Parameters<Log['records']>): void {
    super.records(...args);
    const [{ topic, partition }, records] = args;
    const offset = (records.at(-1)?.offset ?? -1) + 1;
    this.#next.set(partition, { topic, partition, offset });
    void this.#commit();
  }

  override async revoking(): Promise<void> {
    const { held } = this;
    if (held) await this.#consumer?.commit(held.epoch, this.#take()).catch(() => undefined);
    await super.revoking();
  }

  async #commit(): Promise<void> {
    if (this.#isCommitting) return;
    this.#isCommitting = true;
    while (this.#next.size > 0 && this.held) {
      // One that is stale only means that it is read again.
      const positions = this.#take();
      await this.#consumer?.commit(this.held.epoch, positions).catch(() => undefined);
    }
    this.#isCommitting = false;
  }

  #take(): Position[] {
    const positions = [...this.#next.values()];
    this.#next.clear();
    return positions;
  }
}

/** Reads a topic in a group, as a supervised service would. */
export function readAll(driver: Driver, topic: string, group: string, log: CommittingLog) {
  return supervise(() => {
    const consumer = driver.consumer({
      group,
      topics: [topic],
      from: 'earliest',
      sessionTimeoutMs: 6_000,
      rebalanceTimeoutMs: 10_000,
    });
    log.reads(consumer);
    return consumer;
  }, log);
}
