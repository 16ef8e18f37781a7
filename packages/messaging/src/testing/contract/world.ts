import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type {
  Driver,
  DriverConsumerOptions,
  DriverProducer,
  DriverProducerOptions,
  TopicSpec,
} from '../../driver.ts';
import type { RawHeader, RawRecord, StoredRecord } from '../../record.ts';
import type { DriverCapabilities } from '../driver-contract.ts';
import { Member } from './member.ts';
import { TestQueue } from './test-queue.ts';

/** How long something that must happen may take, in ms: real clusters elect and rebalance. */
const PATIENCE_MS = 40_000;

/** What one test of the contract works with; it closes what it opened. */
export class World {
  readonly driver: Driver;
  readonly capabilities: DriverCapabilities;
  readonly #open: () => Driver | Promise<Driver>;
  readonly #ends: (() => Promise<void>)[] = [];

  constructor(
    driver: Driver,
    open: () => Driver | Promise<Driver>,
    capabilities: DriverCapabilities,
  ) {
    this.driver = driver;
    this.capabilities = capabilities;
    this.#open = open;
    this.#ends.push(() => driver.close());
  }

  /** A further driver, as another process would have one. */
  async another(): Promise<Driver> {
    const driver = await this.#open();
    this.#ends.push(() => driver.close());
    return driver;
  }

  /** A new topic. */
  async topic(partitions = 1, config: TopicSpec['config'] = {}): Promise<string> {
    const name = `contract-${randomUUID()}`;
    await this.driver.admin.create({ name, partitions, config });
    return name;
  }

  group(): string {
    return `contract-${randomUUID()}`;
  }

  producer(options: Partial<DriverProducerOptions> = {}): DriverProducer {
    const producer = this.driver.producer({
      compression: 'none',
      maxBatchBytes: 900_000,
      ...options,
    });
    this.#ends.push(() => producer.close());
    return producer;
  }

  /** Writes these texts, and gives their offsets. */
  async write(topic: string, texts: readonly string[], partition = 0): Promise<number[]> {
    const producer = this.producer();
    await producer.partitionsOf(topic);
    const queue = new TestQueue({ topic, partition });
    const offsets = texts.map((text) => queue.addWritten(record({ value: bytes(text) })));
    producer.offer(queue);
    return Promise.all(offsets);
  }

  /** All that a partition holds from that offset on. */
  async read(topic: string, partition = 0, from = 0): Promise<StoredRecord[]> {
    const all: StoredRecord[] = [];
    const [end = 0] = (await this.driver.admin.offsets(topic, 'latest')).slice(partition);
    for (let offset = from; offset < end; ) {
      const some = await this.driver.admin.read({ topic, partition, offset });
      const last = some.at(-1);
      if (!last) break;
      all.push(...some);
      offset = last.offset + 1;
    }
    return all;
  }

  /** A member of a group, running. */
  member(
    options: Pick<DriverConsumerOptions, 'group' | 'topics'> & Partial<DriverConsumerOptions>,
    prepare: (member: Member) => void = () => undefined,
    driver: Driver = this.driver,
  ): Member {
    const consumer = driver.consumer({
      from: 'earliest',
      sessionTimeoutMs: this.sessionTimeoutMs,
      rebalanceTimeoutMs: 30_000,
      ...options,
    });
    const member = new Member(consumer);
    prepare(member);
    member.run();
    this.#ends.push(async () => {
      await member.stop();
      assert.deepEqual(member.violations, []);
    });
    return member;
  }

  get sessionTimeoutMs(): number {
    return this.capabilities.sessionTimeoutMs ?? 6_000;
  }

  async close(): Promise<void> {
    const failures: unknown[] = [];
    for (const end of this.#ends.reverse()) await end().catch((error) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }
}

/** Waits until it is so. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  withinMs: number = PATIENCE_MS,
): Promise<void> {
  const endsAt = performance.now() + withinMs;
  while (!(await isSo())) {
    assert.ok(performance.now() < endsAt, `not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A record that says nothing but what is given. */
export function record(parts: Partial<RawRecord>): RawRecord {
  const none: readonly RawHeader[] = [];
  return { key: null, value: null, headers: none, timestamp: 1_700_000_000_000, ...parts };
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function texts(records: readonly RawRecord[]): string[] {
  return records.map(({ value }) => (value ? new TextDecoder().decode(value) : '(null)'));
}

/** `a0`, `a1` and so on. */
export function numbered(count: number, prefix = ''): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

/** A record in plain arrays, so that two are equal whatever holds their bytes. */
export function plain({ key, value, headers, timestamp }: RawRecord): unknown {
  const list = (some: Uint8Array | null) => some && [...some];
  return {
    key: list(key),
    value: list(value),
    headers: headers.map(([name, some]) => [name, list(some)]),
    timestamp,
  };
}
