import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { kafkajs } from '@shopgpt/messaging/kafkajs';
import { type KafkaCluster, startKafkaCluster } from '@shopgpt/test-servers';
import { Kafka } from 'kafkajs';
import type { Driver } from '../src/index.ts';
import { contestants, OURS, open } from './contestants.ts';
import { type Figures, quantile } from './measure.ts';
import type { Taken } from './table.ts';

/** Strikes the cluster while a measurement runs. */
type Fault = (round: number) => Promise<unknown>;

/** The cluster that all are measured on. */
export class Lab {
  readonly cluster: KafkaCluster;
  readonly driver: Driver;
  readonly #rounds: number;

  private constructor(cluster: KafkaCluster, rounds: number) {
    this.cluster = cluster;
    this.driver = kafkajs(new Kafka({ brokers: cluster.url.split(',') }));
    this.#rounds = rounds;
  }

  static async open(rounds: number): Promise<Lab> {
    return new Lab(await startKafkaCluster(), rounds);
  }

  async close(): Promise<void> {
    await this.driver.close();
    await this.cluster.stop();
  }

  /** Everybody once a round, so that the machine's moods meet all. */
  async measure(
    row: string,
    topicOf: () => Promise<string>,
    fault?: Fault,
    rounds: number = this.#rounds,
  ): Promise<Taken> {
    const lists = new Map<string, Figures[]>(contestants.map((name) => [name, []]));
    for (let round = 0; round < rounds; round += 1) {
      for (const name of contestants) {
        const strike = () => fault?.(round);
        lists.get(name)?.push(await this.#run(row, name, await topicOf(), strike));
        if (!fault) continue;
        await this.cluster.resume();
        await this.cluster.untilHealthy();
      }
    }
    return new Map([...lists].map(([name, list]) => [name, medians(list)]));
  }

  async newTopic(partitions: number): Promise<string> {
    const name = `bench-${randomUUID()}`;
    const config = { 'min.insync.replicas': '2' };
    await this.driver.admin.create({ name, partitions, replicationFactor: 3, config });
    return name;
  }

  /** A topic of four partitions with so many messages of a thousand keys. */
  async fullTopic(messages: number): Promise<string> {
    const topic = await this.newTopic(4);
    const client = await open(OURS, this.cluster.url.split(','));
    const value = 'x'.repeat(80);
    for (let sent = 0; sent < messages; sent += 10_000) {
      const lot = Array.from({ length: 10_000 }, (_, i) => ({ key: `key-${i % 1_000}`, value }));
      await client.sendMany(topic, lot);
    }
    await client.close();
    return topic;
  }

  /** Runs one measurement in a process of its own; nothing when the library broke. */
  #run(
    row: string,
    name: string,
    topic: string,
    strike: () => Promise<unknown> | undefined,
  ): Promise<Figures> {
    const { promise, resolve } = Promise.withResolvers<Figures>();
    const script = path.join(import.meta.dirname, 'child.ts');
    const child = fork(script, [row, name, this.cluster.url, topic], {
      execArgv: ['--conditions=@shopgpt/source', '--no-warnings', '--expose-gc'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const limit = setTimeout(() => child.kill('SIGKILL'), 90_000);
    child.on('message', async (message: 'ready' | Figures) => {
      if (message !== 'ready') return resolve(message);
      await strike();
      child.send('over');
    });
    child.on('exit', () => {
      clearTimeout(limit);
      resolve({});
    });
    return promise;
  }
}

/** Of each figure for itself. */
function medians(list: readonly Figures[]): Figures {
  const fields = new Set(list.flatMap((figures) => Object.keys(figures)));
  const values = (field: string) => list.map((figures) => figures[field] ?? Number.NaN);
  return Object.fromEntries([...fields].map((field) => [field, quantile(values(field), 0.5)]));
}
