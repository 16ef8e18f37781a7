import { createMessaging, defineTopic, PoisonError } from '@shopgpt/messaging';
import { type MemoryDriver, memory, memoryBroker } from '@shopgpt/messaging/memory';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { seeded } from './faults/random.ts';

const RUNS = 300;
const KEYS = 8;
const MESSAGES = 64;

const topic = defineTopic({
  name: 'work',
  partitions: 3,
  schema: z.object({ key: z.string(), n: z.number() }),
  key: ({ key }) => key,
  retry: { attempts: 2, backoffMs: 1 },
});

interface Work {
  readonly key: string;
  readonly n: number;
}

/** One run: processes that share a group are killed at random moments and replaced. */
class Run {
  readonly broker = memoryBroker();
  readonly random: () => number;
  readonly ends = new Map<string, number>();
  readonly closing: Promise<void>[] = [];
  readonly processes = new Set<{ driver: MemoryDriver; isDead: boolean; close(): Promise<void> }>();
  delivered = 0;
  outOfOrder = 0;
  killed = 0;

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  async send(): Promise<void> {
    const driver = memory({ broker: this.broker });
    const config = {};
    await driver.admin.create({ name: 'work', partitions: 3, config });
    await driver.admin.create({ name: 'work.dlq', partitions: 1, config });
    const messaging = createMessaging({ name: 'sender', driver });
    const all = Array.from({ length: MESSAGES }, (_, i) => ({
      key: `k${i % KEYS}`,
      n: Math.floor(i / KEYS),
    }));
    const results = await messaging.sendMany(topic, all);
    expect(results.every(({ status }) => status === 'fulfilled')).toBe(true);
    await messaging.close();
  }

  async spawn(): Promise<void> {
    const driver = memory({ broker: this.broker });
    const messaging = createMessaging({ name: 'worker', driver });
    const process = {
      driver,
      isDead: false,
      close: () => messaging.close({ timeoutMs: process.isDead ? 0 : 5_000 }),
    };
    this.processes.add(process);
    messaging.subscribe(
      topic,
      async (message, { attempt }) => {
        if (process.isDead) return;
        this.#begin(message);
        for (let ticks = this.random() * 4; ticks > 1; ticks -= 1) await tick();
        // What a dead process does reaches nobody.
        if (!process.isDead) this.#end(message, attempt);
      },
      { group: 'workers', concurrency: 1 + Math.floor(this.random() * 8), commitIntervalMs: 2 },
    );
    await messaging.start();
  }

  #begin({ key, n }: Work): void {
    this.delivered += 1;
    if (n > (this.ends.get(key) ?? 0)) this.outOfOrder += 1;
  }

  /** Most succeed; some fail once, and some for ever. */
  #end({ key, n }: Work, attempt: number): void {
    const fate = this.random();
    if (fate < 0.05 && attempt === 1) throw new Error('once more');
    this.ends.set(key, Math.max(this.ends.get(key) ?? 0, n + 1));
    if (fate < 0.1) throw new PoisonError('never');
  }

  /** Between work and commit, wherever that is. */
  kill(): void {
    const [process] = this.processes;
    if (!process) return;
    this.processes.delete(process);
    process.isDead = true;
    process.driver.kill();
    this.killed += 1;
    // As if its session were over; the others are fenced with it.
    this.broker.evict('workers');
    this.closing.push(process.close());
  }

  get isDone(): boolean {
    return [...this.ends.values()].reduce((sum, n) => sum + n, 0) === MESSAGES;
  }

  async finish(): Promise<void> {
    await Promise.all([...this.processes].map(({ close }) => close()));
    await Promise.all(this.closing);
  }
}

function tick(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

async function run(seed: number): Promise<Run> {
  const made = new Run(seed);
  await made.send();
  await made.spawn();
  if (made.random() < 0.5) await made.spawn();
  let kills = 1 + Math.floor(made.random() * 3);
  let at = made.delivered + 1 + Math.floor(made.random() * 30);
  const endsAt = performance.now() + 20_000;
  while (!made.isDone && performance.now() < endsAt) {
    await tick();
    if (kills === 0 || made.delivered < at) continue;
    kills -= 1;
    at = made.delivered + 1 + Math.floor(made.random() * 30);
    made.kill();
    await made.spawn();
  }
  await made.finish();
  return made;
}

test(`${RUNS} times processes are killed between work and commit: nothing is lost, no key out of order`, async () => {
  const sum = { sent: 0, delivered: 0, lost: 0, outOfOrder: 0, killed: 0 };
  for (let seed = 1; seed <= RUNS; seed += 1) {
    const made = await run(seed);
    const done = [...made.ends.values()].reduce((total, n) => total + n, 0);
    sum.sent += MESSAGES;
    sum.delivered += made.delivered;
    sum.lost += MESSAGES - done;
    sum.outOfOrder += made.outOfOrder;
    sum.killed += made.killed;
    expect({ seed, lost: MESSAGES - done, outOfOrder: made.outOfOrder }).toEqual({
      seed,
      lost: 0,
      outOfOrder: 0,
    });
  }
  process.stdout.write(`${JSON.stringify(sum)}\n`);
  expect(sum.killed).toBeGreaterThan(RUNS / 2);
}, 300_000);
