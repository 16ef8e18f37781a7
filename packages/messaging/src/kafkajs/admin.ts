import type { Clock } from '../clock.ts';
import type { DriverAdmin, Position, TopicDescription, TopicSpec } from '../driver.ts';
import { DriverError, UnknownTopicError } from '../errors.ts';
import type { StoredRecord, TopicPartition } from '../record.ts';
import { decodeBatches } from './batch-reader.ts';
import { Coordinator } from './coordinator.ts';
import type { FetchedPartition } from './fetch.ts';
import { commitOffsets, committedOffsets } from './group-offsets.ts';
import type { Network } from './network.ts';
import { type FoundOffset, listOffsets } from './offsets.ts';
import { type ConfigResource, codes, type TopicMetadata } from './protocol.ts';
import { sleep } from './within.ts';

const times = {
  /** Of one call of ours, with all its attempts. */
  callMs: 30_000,
  retryMs: 100,
  maxRetryMs: 1_000,
  /** What a broker may take for topics. */
  workMs: 15_000,
  fetchWaitMs: 100,
};

/** In requests about configuration. */
const topicResource = 2;
/** Set for this topic itself. */
const topicSource = 1;
/** The cluster's own number of replicas. */
const clusterDefault = -1;

/** Looks after topics and offsets, over connections of its own. */
export class KafkajsAdmin implements DriverAdmin {
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #errorOf: (code: number) => Error;

  constructor(network: Network, clock: Clock, errorOf: (code: number) => Error) {
    this.#network = network;
    this.#clock = clock;
    this.#errorOf = errorOf;
  }

  async describe(topics: readonly string[]): Promise<readonly (TopicDescription | undefined)[]> {
    if (topics.length === 0) return [];
    return this.#trying(async () => {
      const args = { topics, allowAutoTopicCreation: false } as const;
      const { topicMetadata } = await this.#network.ask('Metadata', args);
      const there = topicMetadata.filter((topic) => this.#isThere(topic));
      const resources = there.map(({ topic }) => ({ type: topicResource, name: topic }));
      const configs =
        there.length === 0
          ? []
          : (await this.#network.ask('DescribeConfigs', { resources, includeSynonyms: false }))
              .resources;
      return topics.map((name) => {
        const topic = there.find((one) => one.topic === name);
        return topic && describeTopic(topic, this.#configOf(configs, name));
      });
    });
  }

  async create({ name, partitions, replicationFactor, config }: TopicSpec): Promise<void> {
    const topic = {
      topic: name,
      numPartitions: partitions,
      replicationFactor: replicationFactor ?? clusterDefault,
      configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value })),
    };
    const timeout = times.workMs;
    const args = { topics: [topic], validateOnly: false, timeout } as const;
    const isNew = await this.#trying(async () => {
      const { topicErrors } = await this.#network.ask('CreateTopics', args, timeout + 1_000);
      const [error] = topicErrors;
      if (error?.errorCode !== codes.topicExists)
        this.#check(name, error?.errorCode, error?.errorMessage);
      return error?.errorCode !== codes.topicExists;
    });
    await this.#untilLed(name, isNew ? partitions : 1);
  }

  async raisePartitions(topic: string, count: number): Promise<void> {
    const timeout = times.workMs;
    const topicPartitions = [{ topic, count }];
    const args = { topicPartitions, validateOnly: false, timeout } as const;
    await this.#trying(async () => {
      const { topicErrors } = await this.#network.ask('CreatePartitions', args, timeout + 1_000);
      this.#check(topic, topicErrors[0]?.errorCode, topicErrors[0]?.errorMessage);
    });
    await this.#untilLed(topic, count);
  }

  async offsets(topic: string, at: 'earliest' | 'latest' | number): Promise<readonly number[]> {
    return this.#trying(async () => {
      const found = await this.#find(topic, at);
      if (!found.includes(-1)) return found;
      // Nothing of that time or later: what comes next will be.
      const ends = await this.#find(topic, 'latest');
      return found.map((offset, partition) => (offset < 0 ? (ends[partition] ?? 0) : offset));
    });
  }

  async committed(group: string, topic: string): Promise<readonly (number | undefined)[]> {
    const partitions = await this.#trying(async () => this.#partitionsOf(topic));
    const options = { forMs: times.callMs };
    const found = await committedOffsets(
      this.#coordinator(group),
      group,
      partitions,
      this.#errorOf,
      options,
    );
    const offsets = new Map(found.map(({ partition, offset }) => [partition, offset]));
    return partitions.map(({ partition }) => offsets.get(partition));
  }

  async setCommitted(group: string, offsets: readonly Position[]): Promise<void> {
    const nobody = { group, generationId: -1, memberId: '' };
    const options = { forMs: times.callMs };
    await commitOffsets(this.#coordinator(group), nobody, offsets, this.#errorOf, options);
  }

  async read(from: Position): Promise<readonly StoredRecord[]> {
    let { offset } = from;
    for (;;) {
      const position = { ...from, offset };
      const fetched = await this.#trying(() => this.#fetch(position));
      if (!fetched) return [];
      const read = await decodeBatches(fetched.bytes, offset, fetched.aborted);
      if (read.records.length > 0) return read.records;
      if (read.failure) throw read.failure;
      // Only markers of transactions, or what was given up: what comes behind them may be for us.
      if (read.nextOffset === offset) return [];
      offset = read.nextOffset;
    }
  }

  /** Undefined behind the end; from the first record on where older ones are gone. */
  async #fetch(position: Position): Promise<FetchedPartition | undefined> {
    const { topic, partition } = position;
    await this.#partitionsOf(topic);
    const wire = await this.#network.wire(this.#leaderOf(position), 'fetch');
    const { errorCode, partitions } = await wire.fetch([position], times.fetchWaitMs);
    this.#check(topic, errorCode);
    const [fetched] = partitions;
    if (fetched?.errorCode !== codes.offsetOutOfRange) {
      this.#check(topic, fetched?.errorCode);
      return fetched;
    }
    const [first] = await listOffsets(wire, [{ topic, partition }], 'earliest');
    this.#check(topic, first?.errorCode);
    if (!first || first.offset <= position.offset) return undefined;
    const again = await wire.fetch([{ ...position, offset: first.offset }], times.fetchWaitMs);
    return again.partitions[0];
  }

  async #find(topic: string, at: 'earliest' | 'latest' | number): Promise<number[]> {
    const partitions = await this.#partitionsOf(topic);
    const leaders = new Set(partitions.map((one) => this.#leaderOf(one)));
    const asked = [...leaders].map(async (leader): Promise<FoundOffset[]> => {
      const wire = await this.#network.wire(leader, 'main');
      const led = partitions.filter((one) => this.#leaderOf(one) === leader);
      return listOffsets(wire, led, at);
    });
    const found: number[] = [];
    for (const one of (await Promise.all(asked)).flat()) {
      this.#check(topic, one.errorCode);
      found[one.partition] = one.offset;
    }
    return found;
  }

  async #partitionsOf(topic: string): Promise<TopicPartition[]> {
    this.#network.watch(topic);
    await this.#network.refresh();
    const known = this.#network.topic(topic);
    if (known?.missingSinceMs !== undefined) {
      if (!this.#network.isMissing(topic)) throw notYet(topic);
      this.#network.forget(topic);
      throw new UnknownTopicError(topic);
    }
    return (known?.leaders ?? []).map((_, partition) => ({ topic, partition }));
  }

  #leaderOf({ topic, partition }: TopicPartition): number {
    const leader = this.#network.leaderOf(topic, partition);
    if (leader === undefined) throw notYet(`${topic}/${partition}`);
    return leader;
  }

  #untilLed(topic: string, count: number): Promise<void> {
    return this.#trying(async () => {
      const partitions = await this.#partitionsOf(topic);
      if (partitions.length < count) throw notYet(topic);
      for (const one of partitions) this.#leaderOf(one);
    });
  }

  /** Tries until it works, fails for good or takes too long. */
  async #trying<T>(attempt: () => Promise<T>): Promise<T> {
    const endMs = this.#clock.now() + times.callMs;
    for (let waitMs = times.retryMs; ; waitMs = Math.min(2 * waitMs, times.maxRetryMs)) {
      try {
        return await attempt();
      } catch (error) {
        const isFinal = !(error instanceof DriverError) || !error.isRetriable;
        if (isFinal || this.#clock.now() + waitMs >= endMs) throw error;
      }
      await sleep(this.#clock, waitMs);
    }
  }

  #isThere({ topic, topicErrorCode }: TopicMetadata): boolean {
    if (topicErrorCode === codes.unknownTopic) return false;
    // One partition without a leader does not hide the topic.
    if (topicErrorCode !== codes.leaderNotAvailable) this.#check(topic, topicErrorCode);
    return true;
  }

  #configOf(configs: readonly ConfigResource[], topic: string): ConfigResource | undefined {
    const found = configs.find(({ resourceName }) => resourceName === topic);
    this.#check(topic, found?.errorCode);
    return found;
  }

  #check(topic: string, code: number = codes.none, message?: string | null): void {
    if (code === codes.none) return;
    if (code === codes.unknownTopic && message !== undefined) throw new UnknownTopicError(topic);
    const cause = this.#errorOf(code);
    throw new DriverError(`${topic}: ${message ?? cause.message}`, {
      isRetriable: Reflect.get(cause, 'retriable') === true,
      cause,
    });
  }

  #coordinator(group: string): Coordinator {
    return new Coordinator(this.#network, this.#clock, group, this.#errorOf);
  }
}

function describeTopic(
  { topic, partitionMetadata }: TopicMetadata,
  config: ConfigResource | undefined,
): TopicDescription {
  const entries = (config?.configEntries ?? []).map(
    ({ configName, configValue, configSource }) =>
      [configName, { value: configValue ?? '', isDefault: configSource !== topicSource }] as const,
  );
  return {
    name: topic,
    partitions: partitionMetadata.length,
    replicationFactor: partitionMetadata[0]?.replicas.length ?? 0,
    config: Object.fromEntries(entries),
  };
}

function notYet(what: string): DriverError {
  return new DriverError(`${what} is not to be had yet`, { isRetriable: true });
}
