import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PendingRecord } from '../driver.ts';
import { DriverError } from '../errors.ts';
import { type ManualClock, manualClock } from '../testing/manual-clock.ts';
import { ScriptedProducer } from '../testing/scripted-producer.ts';
import { Producer, type ProducerStats } from './producer.ts';
import { resolveProducerOptions } from './producer-options.ts';

const PARTITIONS = 3;
const away = new DriverError('away', { isRetriable: true });

/** A producer under whatever comes, and what was seen of it. */
class Scene {
  readonly clock: ManualClock = manualClock();
  readonly driver = new ScriptedProducer();
  readonly producer: Producer;
  readonly controllers: AbortController[] = [];
  /** For each message how often it settled, and as what. */
  readonly settled: string[][] = [];
  readonly inFlight: PendingRecord[] = [];
  /** Ids of the messages in each partition, as they were taken. */
  readonly log: number[][] = Array.from({ length: PARTITIONS }, () => []);
  #answer: PromiseWithResolvers<number> | undefined;

  constructor(whenFull: 'reject' | 'wait', lingerMs: number, isKnown: boolean) {
    const queue = { max: 4, maxBytes: 200, whenFull };
    const options = { maxBatchBytes: 100, deliveryTimeoutMs: 50, lingerMs, queue };
    const settings = resolveProducerOptions(options);
    const { driver, clock } = this;
    driver.partitions = PARTITIONS;
    if (!isKnown) {
      this.#answer = Promise.withResolvers();
      const { promise } = this.#answer;
      driver.partitions = () => promise;
    }
    this.producer = new Producer({ name: 'test', driver, options: settings, clock });
  }

  send(partition: number | undefined): void {
    const id = this.settled.push([]) - 1;
    const controller = new AbortController();
    this.controllers.push(controller);
    const value = Buffer.from(String(id));
    const options = { signal: controller.signal, partition };
    this.producer.write('t', { key: null, value, headers: [], timestamp: 0 }, options).then(
      () => this.settled[id]?.push('written'),
      () => this.settled[id]?.push('rejected'),
    );
  }

  take(maxBytes: number): void {
    for (const queue of new Set(this.driver.offers)) {
      const taken = queue.take(maxBytes);
      this.inFlight.push(...taken);
      this.log[queue.partition]?.push(...taken.map(({ value }) => Number(value)));
    }
  }

  answer(index: number, isWritten: boolean): void {
    const [record] = this.inFlight.splice(index % Math.max(1, this.inFlight.length), 1);
    if (isWritten) record?.written(0);
    else record?.failed(away, true);
  }

  tellPartitions(): void {
    this.driver.partitions = PARTITIONS;
    this.#answer?.resolve(PARTITIONS);
  }

  async end(): Promise<ProducerStats> {
    const closed = this.producer.close(10);
    await this.clock.pass(2_000);
    await closed;
    for (let i = 0; i < 3; i += 1) await turn();
    return this.producer.stats();
  }
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(undefined, 0, 1, 2, 9).map((p) => (s: Scene) => s.send(p)),
  },
  fc.nat(30).map((i) => (s: Scene) => s.controllers[i]?.abort('gone')),
  fc.constantFrom(1, 80, 1_000).map((bytes) => (s: Scene) => s.take(bytes)),
  fc.tuple(fc.nat(9), fc.boolean()).map(
    ([i, ok]) =>
      (s: Scene) =>
        s.answer(i, ok),
  ),
  fc.nat(30).map((ms) => (s: Scene) => s.clock.advance(ms)),
  fc.constant((s: Scene) => s.tellPartitions()),
  fc.constant((s: Scene) => void s.producer.flush()),
  { weight: 3, arbitrary: fc.constant(async () => void (await turn())) },
);
const steps = fc.array(step, { maxLength: 40 });

test('whatever happens, every message has one answer, partitions keep their order and the books close', async () => {
  const whenFull = fc.constantFrom('reject' as const, 'wait' as const);
  const property = fc.asyncProperty(
    ...([whenFull, fc.constantFrom(0, 5), fc.boolean(), steps] as const),
    async (full, lingerMs, isKnown, script) => {
      const scene = new Scene(full, lingerMs, isKnown);
      for (const act of script) {
        await act(scene);
        const { bytes, queued, inFlight } = scene.producer.stats();
        expect(queued + inFlight).toBeLessThanOrEqual(4);
        expect(bytes).toBeLessThanOrEqual(200);
      }
      const stats = await scene.end();
      expect(scene.settled.map((answers) => answers.length)).toEqual(scene.settled.map(() => 1));
      for (const ids of scene.log) expect(ids).toEqual(ids.toSorted((a, b) => a - b));
      const open = { queued: 0, inFlight: 0, waitingForRoom: 0, bytes: 0 };
      expect(stats).toMatchObject(open);
      expect(stats.written + stats.failed + stats.aborted).toBe(stats.accepted);
      expect(scene.clock.timers).toBe(0);
    },
  );
  await fc.assert(property, { numRuns: 400 });
}, 30_000);
