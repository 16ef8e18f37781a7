import { checkCount, checkMs } from '../check.ts';
import type { Clock } from '../clock.ts';
import type { Position, TopicDescription, TopicSpec } from '../driver.ts';
import { DriverError, UnknownTopicError } from '../errors.ts';
import type { StoredRecord, TopicPartition } from '../record.ts';
import type { EndFault, FaultFilter } from './fault.ts';
import { Group } from './group.ts';
import { Network } from './network.ts';
import {
  type MemoryBrokerOptions,
  type ResolvedBrokerOptions,
  resolveBrokerOptions,
} from './options.ts';
import { PartitionLog } from './partition-log.ts';

/**
 * A broker inside this process, for tests and for trying things out: real partitions, groups with
 * generations, idempotent writes, and faults on demand. What is in it is gone with the process.
 */
export interface MemoryBroker {
  /** Requests that the filter meets never reach the broker; the client sees its connection cut. */
  dropRequests(filter?: FaultFilter): EndFault;
  /** The broker does what is asked and the answer is lost; the client sees its connection cut. */
  dropResponses(filter?: FaultFilter): EndFault;
  /** Requests that the filter meets come this much later, in ms. */
  delay(ms: number, filter?: FaultFilter): EndFault;
  /**
   * Requests that the filter meets are answered with an error and not carried out: `refuse({ api: 'produce',
   * topic })` makes a topic unwritable, an error that is not retriable on `fetch` makes a consumer crash.
   *
   * @param error default: a retriable DriverError
   */
  refuse(filter?: FaultFilter, error?: Error): EndFault;
  /** The broker goes away: what is under way is cut, what comes is refused. Its data stay. */
  down(): void;
  /** It is back. */
  up(): void;
  /** Makes the members of a group join again now. */
  rebalance(group: string): void;
  /** Removes members from their group without telling them, so that each is fenced. Default: all of them. */
  evict(group: string, member?: string): void;
  /** Leaves a gap in the offsets of a partition, as transactions and compaction do in Kafka. */
  skipOffsets(partition: TopicPartition, count: number): void;
  /** Deletes a topic, and what groups have committed of it, under all who use it. */
  deleteTopic(topic: string): void;
  /** The members of a group, by their ids; none where there is no such group. */
  members(group: string): readonly string[];
  /** What a partition holds at this moment, from the first record that is kept. */
  log(partition: TopicPartition): readonly StoredRecord[];
  /** Plain numbers, cheap to read. */
  stats(): MemoryBrokerStats;
}

/** What a broker holds. */
export interface MemoryBrokerStats {
  readonly topics: number;
  readonly partitions: number;
  readonly records: number;
  readonly bytes: number;
  readonly groups: number;
  readonly members: number;
}

interface Topic {
  readonly spec: TopicSpec;
  readonly logs: PartitionLog[];
}

/** What a topic's configuration is where it says nothing. */
const defaultConfig = {
  'cleanup.policy': 'delete',
  'max.message.bytes': '1048588',
  'min.insync.replicas': '1',
};

/**
 * Makes a broker that drivers of this process share: `memory({ broker })`.
 *
 * @throws TypeError or RangeError that names the option and its value
 */
export function memoryBroker(options: MemoryBrokerOptions = {}): MemoryBroker {
  return new Broker(resolveBrokerOptions(options));
}

/** The broker as the drivers see it. */
export class Broker implements MemoryBroker {
  readonly clock: Clock;
  readonly network: Network;
  readonly #options: ResolvedBrokerOptions;
  readonly #topics = new Map<string, Topic>();
  readonly #groups = new Map<string, Group>();
  #producers = 0;

  constructor(options: ResolvedBrokerOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.network = new Network(options.clock, options.latencyMs);
  }

  dropRequests(filter: FaultFilter = {}): EndFault {
    return this.network.faults.add({ kind: 'drop-request' }, filter);
  }

  dropResponses(filter: FaultFilter = {}): EndFault {
    return this.network.faults.add({ kind: 'drop-response' }, filter);
  }

  delay(ms: number, filter: FaultFilter = {}): EndFault {
    checkMs('ms', ms, 0);
    return this.network.faults.add({ kind: 'delay', ms }, filter);
  }

  refuse(filter: FaultFilter = {}, error: Error = refusal()): EndFault {
    return this.network.faults.add({ kind: 'refuse', error }, filter);
  }

  down(): void {
    this.network.down();
  }

  up(): void {
    this.network.up();
  }

  rebalance(group: string): void {
    this.#groups.get(group)?.rebalance();
  }

  evict(group: string, member?: string): void {
    const members = member === undefined ? this.members(group) : [member];
    for (const id of members) this.#groups.get(group)?.remove(id);
  }

  skipOffsets(partition: TopicPartition, count: number): void {
    checkCount('count', count);
    this.logOf(partition).skip(count);
  }

  deleteTopic(topic: string): void {
    this.#topics.delete(topic);
    for (const group of this.#groups.values()) group.forget(topic);
  }

  members(group: string): readonly string[] {
    return this.#groups.get(group)?.members ?? [];
  }

  log(partition: TopicPartition): readonly StoredRecord[] {
    return this.logOf(partition).read(0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
  }

  stats(): MemoryBrokerStats {
    const sizes = [...this.#topics.values()].flatMap(({ logs }) => logs.map(({ size }) => size));
    const groups = [...this.#groups.values()];
    return {
      topics: this.#topics.size,
      partitions: sizes.length,
      records: sizes.reduce((sum, { records }) => sum + records, 0),
      bytes: sizes.reduce((sum, { bytes }) => sum + bytes, 0),
      groups: groups.length,
      members: groups.reduce((sum, { members }) => sum + members.length, 0),
    };
  }

  newProducer(): number {
    this.#producers += 1;
    return this.#producers;
  }

  group(name: string): Group {
    const known = this.#groups.get(name);
    if (known) return known;
    const { clock, network } = this;
    const group = new Group({
      clock,
      get isDown() {
        return network.isDown;
      },
      partitionsOf: (topic) => this.#topics.get(topic)?.logs.length,
    });
    this.#groups.set(name, group);
    return group;
  }

  /** @throws DriverError when the group has members */
  setCommitted(name: string, offsets: readonly Position[]): void {
    const group = this.group(name);
    if (group.members.length > 0) {
      throw new DriverError(`the group "${name}" has members`, { isRetriable: false });
    }
    group.setOffsets(offsets);
  }

  /** @throws DriverError when a topic cannot be like this; one that is there already stays as it is */
  create(spec: TopicSpec): void {
    const { name, partitions } = spec;
    if (!/^[a-zA-Z0-9._-]{1,249}$/.test(name) || name === '.' || name === '..') {
      throw new DriverError(`no topic can be called "${name}"`, { isRetriable: false });
    }
    checkPartitions(name, partitions, 1);
    if (this.#topics.has(name)) return;
    const logs = Array.from({ length: partitions }, () => this.#newLog(spec));
    this.#topics.set(name, { spec, logs });
  }

  raisePartitions(name: string, partitions: number): void {
    const { spec, logs } = this.#topic(name);
    checkPartitions(name, partitions, logs.length + 1);
    while (logs.length < partitions) logs.push(this.#newLog(spec));
    for (const group of this.#groups.values()) if (group.reads(name)) group.rebalance();
  }

  describe(name: string): TopicDescription | undefined {
    const topic = this.#topics.get(name);
    if (!topic) return undefined;
    const { config, replicationFactor = 1 } = topic.spec;
    const { bytes, ms } = this.#options.retention;
    const ours = { 'retention.bytes': `${bytes}`, 'retention.ms': `${ms}`, ...defaultConfig };
    const merged = Object.entries({ ...ours, ...config }).map(
      ([key, value]) => [key, { value, isDefault: config[key] === undefined }] as const,
    );
    return {
      name,
      partitions: topic.logs.length,
      replicationFactor,
      config: Object.fromEntries(merged),
    };
  }

  /** @throws UnknownTopicError */
  partitionsOf(topic: string): number {
    return this.#topic(topic).logs.length;
  }

  /** @throws UnknownTopicError */
  maxMessageBytes(topic: string): number {
    const text = this.#topic(topic).spec.config['max.message.bytes'];
    return Number(text ?? defaultConfig['max.message.bytes']);
  }

  /** @throws UnknownTopicError also when there is no such partition */
  logOf({ topic, partition }: TopicPartition): PartitionLog {
    const log = this.#topic(topic).logs[partition];
    if (!log) throw new UnknownTopicError(`${topic}[${partition}]`);
    return log;
  }

  /** @throws UnknownTopicError */
  logsOf(topic: string): readonly PartitionLog[] {
    return this.#topic(topic).logs;
  }

  #topic(name: string): Topic {
    const topic = this.#topics.get(name);
    if (!topic) throw new UnknownTopicError(name);
    return topic;
  }

  #newLog({ config }: TopicSpec): PartitionLog {
    const { records, bytes, ms } = this.#options.retention;
    return new PartitionLog(this.clock, {
      records,
      bytes: retained(config['retention.bytes'], bytes),
      ms: retained(config['retention.ms'], ms),
    });
  }
}

/** Kafka's -1 is no limit; here it means the broker's. */
function retained(text: string | undefined, otherwise: number): number {
  const value = Number(text ?? -1);
  return value > 0 ? value : otherwise;
}

function checkPartitions(topic: string, partitions: number, least: number): void {
  if (Number.isInteger(partitions) && partitions >= least) return;
  throw new DriverError(
    `"${topic}" must get an integer of at least ${least} partitions, got ${partitions}`,
    { isRetriable: false },
  );
}

function refusal(): DriverError {
  return new DriverError('the broker refuses this for now', { isRetriable: true });
}
