import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { RawRecord, StoredRecord, TopicPartition } from '../record.ts';
import { manualClock } from '../testing/index.ts';
import {
  type ScriptedConsumer,
  ScriptedDriver,
  ScriptedWriter,
  textRecord,
} from '../testing/scripted-driver.ts';
import { defineTopic } from '../topics/topic.ts';
import { singleSubscription } from './subscription.ts';

const MAX_RECORDS = 8;
const CHUNK = 4;
/** A rebalance that lets every call end and gives all three partitions. */
const ALL_PARTITIONS = 14;

/** What a test run is made of: the log, and what happens in which order. */
const plan = fc.record({
  order: fc.constantFrom('key' as const, 'partition' as const, 'none' as const),
  concurrency: fc.integer({ min: 1, max: 6 }),
  log: fc.array(
    fc.record({
      partition: fc.nat(2),
      key: fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined, freq: 5 }),
      gap: fc.integer({ min: 1, max: 3 }),
      // How its calls end before one succeeds.
      failures: fc.array(fc.constantFrom('retryable', 'poison'), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 40 },
  ),
  steps: fc.array(
    fc.record({
      what: fc.oneof(
        { weight: 8, arbitrary: fc.constant('deliver' as const) },
        { weight: 12, arbitrary: fc.constant('end' as const) },
        { weight: 4, arbitrary: fc.constant('wait' as const) },
        { weight: 1, arbitrary: fc.constant('wait long' as const) },
        { weight: 1, arbitrary: fc.constant('rebalance' as const) },
        { weight: 1, arbitrary: fc.constant('lose' as const) },
        { weight: 1, arbitrary: fc.constant('crash' as const) },
        { weight: 1, arbitrary: fc.constant('break writes' as const) },
        { weight: 1, arbitrary: fc.constant('break commits' as const) },
      ),
      pick: fc.nat(1_000),
    }),
    { maxLength: 120 },
  ),
});

type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never;

interface Entry {
  readonly at: TopicPartition;
  readonly record: StoredRecord;
  readonly failures: string[];
  isFinished: boolean;
  running: number;
}

interface OpenCall {
  readonly entry: Entry;
  readonly call: PromiseWithResolvers<void>;
}

/** A group of one member over a log, with the rules that must hold at every moment. */
class World {
  readonly clock = manualClock();
  readonly driver = new ScriptedDriver();
  readonly producer = new ScriptedWriter();
  readonly log: Entry[] = [];
  readonly open: OpenCall[] = [];
  readonly plan: Plan;
  readonly subscription;
  #consumer: ScriptedConsumer | undefined;
  /** Where the broker reads on, by partition. */
  #read = new Map<number, number>();
  /** What was committed under earlier consumers. */
  #committed = new Map<number, number>();
  #commitsFail = false;
  /** Said in a handler, where an error would only be another failure of the handler. */
  readonly #broken: string[] = [];

  constructor(made: Plan) {
    this.plan = made;
    const offsets = new Map<number, number>();
    for (const { partition, key, gap, failures } of made.log) {
      const offset = (offsets.get(partition) ?? 0) + gap;
      offsets.set(partition, offset);
      const record = textRecord(offset, key, JSON.stringify(`${partition}/${offset}`));
      const at = { topic: 't', partition };
      this.log.push({ at, record, failures: [...failures], isFinished: false, running: 0 });
    }
    const { clock, driver } = this;
    const write = this.producer.write.bind(this.producer);
    this.subscription = singleSubscription({
      driver,
      clock,
      producer: {
        write: async (topic, record) => {
          await write(topic, record);
          this.#wrote(record);
        },
      },
      topic: defineTopic({
        name: 't',
        partitions: 3,
        schema: z.string(),
        retry: { attempts: 3, backoffMs: [100, 300] },
      }),
      handler: (message) => this.#handle(message),
      options: {
        group: 'g',
        order: made.order,
        concurrency: made.concurrency,
        buffer: { maxRecords: MAX_RECORDS },
        maxUncommitted: 12,
      },
      middleware: [],
    });
    this.subscription.start();
  }

  async step(what: Plan['steps'][number]['what'] | 'heal', pick: number): Promise<void> {
    await this.clock.pass(0);
    this.#follow();
    if (what === 'deliver') this.#deliver(pick);
    else if (what === 'end') this.#end(pick);
    else if (what === 'wait') await this.clock.pass(pick);
    else if (what === 'wait long') await this.clock.pass(40_000);
    else if (what === 'rebalance') await this.#rebalance(pick);
    else if (what === 'lose') this.#consumer?.lose();
    else if (what === 'crash') this.#consumer?.crash(new Error('crashed'));
    else if (what === 'break writes') this.producer.error = new Error('no leader');
    else if (what === 'break commits') this.#commitsFail = true;
    else this.#heal();
    await this.clock.pass(0);
    this.#check();
  }

  /** Everything works again and every call ends: then nothing may be left. */
  async settle(): Promise<void> {
    await this.step('heal', 0);
    await this.step('rebalance', ALL_PARTITIONS);
    for (let round = 0; round < 400 && !this.isDone(); round += 1) {
      await this.step('heal', 0);
      await this.step('deliver', round);
      while (this.open.length > 0) await this.step('end', round);
      await this.step('wait', 1_000);
    }
  }

  isDone(): boolean {
    this.#note();
    return this.log.every(
      ({ at, record, isFinished }) => isFinished && this.committed(at.partition) > record.offset,
    );
  }

  async stop(): Promise<void> {
    const stopped = this.subscription.close({ timeoutMs: 5_000 });
    await this.clock.pass(5_000);
    await stopped;
    this.#note();
    this.#check();
  }

  committed(partition: number): number {
    return this.#committed.get(partition) ?? 0;
  }

  #heal(): void {
    this.producer.error = undefined;
    this.#commitsFail = false;
  }

  /** A new consumer is given everything; a consumer that lost everything too. */
  #follow(): void {
    const last = this.driver.consumers.at(-1);
    if (!last?.isRunning) return;
    if (this.#consumer !== last) {
      this.#note();
      this.#consumer = last;
      last.onCommit = async () => {
        if (this.#commitsFail) throw new Error('no coordinator');
      };
    }
    if (last.held.length === 0) this.#assign(7);
  }

  #assign(parts: number): void {
    this.#note();
    const partitions = [0, 1, 2].filter((partition) => parts & (1 << partition));
    for (const partition of partitions) this.#read.set(partition, this.committed(partition));
    this.#consumer?.assign(...partitions.map((partition) => ({ topic: 't', partition })));
  }

  #note(): void {
    for (const partition of [0, 1, 2]) {
      const offset = this.#consumer?.committed({ topic: 't', partition });
      if (offset !== undefined) this.#committed.set(partition, offset);
    }
  }

  async #rebalance(pick: number): Promise<void> {
    const revoked = this.#consumer?.revoke();
    while (this.open.length > 0 && pick % 2 === 0) {
      this.#end(pick);
      await this.clock.pass(0);
    }
    await this.clock.pass(60_000);
    await revoked;
    // Some partitions are another member's for a moment; it does nothing with them.
    if (this.#consumer?.isRunning) this.#assign((pick >> 1) % 8);
  }

  #deliver(pick: number): void {
    const consumer = this.#consumer;
    const held = consumer?.held ?? [];
    const at = held[pick % Math.max(1, held.length)];
    if (!consumer || !at || consumer.paused.has(`t/${at.partition}`)) return;
    const from = this.#read.get(at.partition) ?? 0;
    const all = this.#of(at.partition).map(({ record }) => record);
    const records = all.filter(({ offset }) => offset >= from).slice(0, 1 + (pick % CHUNK));
    const last = records.at(-1);
    if (!last) return;
    this.#read.set(at.partition, last.offset + 1);
    consumer.deliver(at, records, (all.at(-1)?.offset ?? -1) + 1);
  }

  #of(partition: number): Entry[] {
    return this.log.filter((entry) => entry.at.partition === partition);
  }

  #handle(message: string): Promise<void> {
    const entry = this.log.find(({ at, record }) => `${at.partition}/${record.offset}` === message);
    if (!entry) throw new Error(`nobody sent ${message}`);
    entry.running += 1;
    if (this.#before(entry).some(({ isFinished }) => !isFinished)) {
      this.#broken.push(`${message} began before those before it were done`);
    }
    const inLane = this.#inLaneOf(entry).reduce((sum, one) => sum + one.running, 0);
    if (this.#isOrdered(entry) && inLane > 1)
      this.#broken.push(`${message} ran beside its own key`);
    const call = Promise.withResolvers<void>();
    this.open.push({ entry, call });
    if (this.open.length > this.plan.concurrency) this.#broken.push('too many at once');
    return call.promise;
  }

  #isOrdered({ record }: Entry): boolean {
    return this.plan.order === 'partition' || (this.plan.order === 'key' && record.key !== null);
  }

  #inLaneOf(entry: Entry): Entry[] {
    const key = String(entry.record.key);
    return this.#of(entry.at.partition).filter(
      ({ record }) => this.plan.order === 'partition' || String(record.key) === key,
    );
  }

  #before(entry: Entry): Entry[] {
    if (!this.#isOrdered(entry)) return [];
    return this.#inLaneOf(entry).filter(({ record }) => record.offset < entry.record.offset);
  }

  #end(pick: number): void {
    const [one] = this.open.splice(pick % Math.max(1, this.open.length), 1);
    if (!one) return;
    one.entry.running -= 1;
    const failure = one.entry.failures.shift();
    if (failure === undefined) {
      one.entry.isFinished = true;
      one.call.resolve();
    } else {
      one.call.reject(Object.assign(new Error(failure), poisonous(failure)));
    }
  }

  #wrote({ value }: RawRecord): void {
    const message = JSON.parse(Buffer.from(value ?? []).toString());
    const entry = this.log.find(({ at, record }) => `${at.partition}/${record.offset}` === message);
    if (entry) entry.isFinished = true;
  }

  #check(): void {
    expect(this.#broken).toEqual([]);
    for (const partition of [0, 1, 2]) {
      const offset = this.#consumer?.committed({ topic: 't', partition }) ?? 0;
      for (const entry of this.#of(partition)) {
        if (entry.record.offset < offset) expect(entry.isFinished, 'committed').toBe(true);
      }
    }
    const { buffered, partitions } = this.subscription.stats();
    expect(buffered).toBeLessThanOrEqual(partitions * (MAX_RECORDS - 1 + CHUNK));
  }
}

function poisonous(failure: string): object {
  return failure === 'poison' ? { code: 'ERR_MESSAGING_POISON' } : {};
}

test('whatever fails, moves or takes long: nothing is lost, no key overtakes itself, and what is committed is done', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async (made) => {
      const world = new World(made);
      for (const { what, pick } of made.steps) await world.step(what, pick);
      await world.settle();
      expect(world.isDone()).toBe(true);
      await world.stop();
      expect(world.clock.timers).toBe(0);
      expect(world.subscription.stats()).toMatchObject({ running: 0, buffered: 0 });
    }),
    { numRuns: 150 },
  );
}, 60_000);
