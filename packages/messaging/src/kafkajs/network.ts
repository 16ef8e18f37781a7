import type { Clock } from '../clock.ts';
import { DriverError } from '../errors.ts';
import type { Address, Internals } from './internals.ts';
import { codes, type Requests, type TopicMetadata } from './protocol.ts';
import { Wire } from './wire.ts';
import { sleep } from './within.ts';

/** Metadata must not hang on one broker: another one is asked soon. */
const metadataMs = 1_500;
const hedgeMs = 300;

/** A topic that was just made is not known to all brokers at once. */
const graceMs = 3_000;

/** What the cluster last said of a topic. */
export interface KnownTopic {
  /** Since when the cluster has said that there is no such topic; undefined while there is. */
  readonly missingSinceMs: number | undefined;
  /** By partition; undefined where there is none at the moment. */
  readonly leaders: readonly (number | undefined)[];
}

/**
 * The brokers of a cluster, the wires to them and what they say about topics. One partition without a leader,
 * or a topic that is gone, says nothing about the others.
 */
export class Network {
  readonly #kit: Internals;
  readonly #clock: Clock;
  readonly #addresses = new Map<number, Address>();
  readonly #wires = new Map<string, Promise<Wire>>();
  readonly #watched = new Set<string>();
  readonly #topics = new Map<string, KnownTopic>();
  #refreshing: Promise<void> | undefined;
  #refreshedMs = Number.NEGATIVE_INFINITY;
  readonly #closed: (network: Network) => void;
  #isClosed = false;
  /** Where the two wires for any question go. */
  readonly #chosen: [Address | undefined, Address | undefined] = [undefined, undefined];
  #turn = 0;

  /** @param closed called when it is closed */
  constructor(kit: Internals, clock: Clock, closed: (network: Network) => void) {
    this.#kit = kit;
    this.#clock = clock;
    this.#closed = closed;
  }

  /** What is known without asking. */
  topic(name: string): KnownTopic | undefined {
    return this.#topics.get(name);
  }

  /** 0 as long as nobody has said. */
  partitionsOf(topic: string): number {
    return this.#topics.get(topic)?.leaders.length ?? 0;
  }

  /** The cluster has said for long enough that there is no such topic. */
  isMissing(topic: string): boolean {
    const sinceMs = this.#topics.get(topic)?.missingSinceMs;
    return sinceMs !== undefined && this.#clock.now() - sinceMs >= graceMs;
  }

  leaderOf(topic: string, partition: number): number | undefined {
    return this.#topics.get(topic)?.leaders[partition];
  }

  /** From now on every refresh asks for this topic too. */
  watch(topic: string): void {
    this.#watched.add(topic);
  }

  forget(topic: string): void {
    this.#watched.delete(topic);
    this.#topics.delete(topic);
  }

  get ageMs(): number {
    return this.#clock.now() - this.#refreshedMs;
  }

  /** Asks the cluster again; who asks while it is being asked waits for the same answer. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** The wire to a broker for one purpose; a new one when that is gone. */
  wire(nodeId: number, purpose: string): Promise<Wire> {
    return this.#open(`${nodeId} ${purpose}`, () => {
      const address = this.#addresses.get(nodeId);
      if (!address) throw retriable(`broker ${nodeId} is not known (any more)`);
      return address;
    });
  }

  /** A wire to an address that is not one of metadata's, e.g. of a coordinator. */
  wireTo(address: Address, purpose: string): Promise<Wire> {
    return this.#open(`${address.host}:${address.port} ${purpose}`, () => address);
  }

  /** Asks any broker. */
  ask<Api extends keyof Requests>(
    api: Api,
    args: Requests[Api]['args'],
    limitMs?: number,
  ): Promise<Requests[Api]['answer']> {
    return this.#askOver(0, api, args, limitMs);
  }

  close(): void {
    this.#isClosed = true;
    for (const wire of this.#wires.values()) {
      wire.then(
        (open) => open.cut(new Error('closed')),
        () => undefined,
      );
    }
    this.#wires.clear();
    this.#closed(this);
  }

  async #open(key: string, address: () => Address | undefined): Promise<Wire> {
    if (this.#isClosed) throw closed();
    const known = this.#wires.get(key);
    const wire = await known?.catch(() => undefined);
    if (wire?.isOpen) return wire;
    // Unless another caller has begun a new one meanwhile.
    if (this.#wires.get(key) === known) {
      this.#wires.set(key, (async () => Wire.open(this.#kit, this.#clock, address()))());
    }
    const fresh = await this.#wires.get(key);
    if (fresh && !this.#isClosed) return fresh;
    fresh?.cut(new Error('closed'));
    throw closed();
  }

  async #askOver<Api extends keyof Requests>(
    slot: 0 | 1,
    api: Api,
    args: Requests[Api]['args'],
    limitMs: number | undefined,
  ): Promise<Requests[Api]['answer']> {
    const wire = await this.#open(`any ${slot}`, () => this.#anyAddress(slot));
    return wire.call(api, args, limitMs);
  }

  /**
   * The brokers that are known and the addresses that were given, in turn; never the broker of the other
   * wire, which may be the one that hangs.
   */
  #anyAddress(slot: 0 | 1): Address | undefined {
    const other = this.#chosen[1 - slot];
    const known = [...this.#addresses.values()].filter((address) => !isSame(address, other));
    const turn = this.#turn % (known.length + 1);
    this.#turn += 1;
    this.#chosen[slot] = known[turn];
    return this.#chosen[slot];
  }

  async #refresh(): Promise<void> {
    const answer = await this.#askForMetadata();
    // Who is not named any more is not asked any more.
    this.#addresses.clear();
    for (const { nodeId, host, port } of answer.brokers) {
      this.#addresses.set(nodeId, { host, port });
    }
    for (const topic of answer.topicMetadata) this.#learn(topic);
    this.#refreshedMs = this.#clock.now();
  }

  /** A broker that hangs must not keep the answer of another one: that is asked soon after. */
  async #askForMetadata(): Promise<Requests['Metadata']['answer']> {
    // None would mean all.
    const topics = this.#watched.size > 0 ? [...this.#watched] : [''];
    const args = { topics, allowAutoTopicCreation: false } as const;
    const over = new AbortController();
    const first = this.#askOver(0, 'Metadata', args, metadataMs);
    const second = async () => {
      const isAnswered = first.then(() => true);
      const isLate = sleep(this.#clock, hedgeMs, over.signal).then(() => false);
      // One that fails is no reason to wait any longer.
      const isNeeded = !(await Promise.race([isAnswered, isLate]).catch(() => false));
      if (!isNeeded || over.signal.aborted) throw new Error('not needed');
      return this.#askOver(1, 'Metadata', args, metadataMs);
    };
    try {
      return await Promise.any([first, second()]);
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error;
    } finally {
      over.abort();
    }
  }

  #learn({ topic, topicErrorCode, partitionMetadata }: TopicMetadata): void {
    const before = this.#topics.get(topic);
    if (topicErrorCode === codes.unknownTopic) {
      const missingSinceMs = before?.missingSinceMs ?? this.#clock.now();
      this.#topics.set(topic, { missingSinceMs, leaders: [] });
      return;
    }
    // Another error says nothing about its partitions.
    if (topicErrorCode !== codes.none && partitionMetadata.length === 0) return;
    const leaders: (number | undefined)[] = Array.from(partitionMetadata, () => undefined);
    for (const { partitionId, leader } of partitionMetadata) {
      leaders[partitionId] = leader >= 0 ? leader : undefined;
    }
    this.#topics.set(topic, { missingSinceMs: undefined, leaders });
  }
}

function retriable(message: string): DriverError {
  return new DriverError(message, { isRetriable: true });
}

function closed(): DriverError {
  return new DriverError('the driver is closed', { isRetriable: false });
}

function isSame(one: Address, other: Address | undefined): boolean {
  return one.host === other?.host && one.port === other.port;
}
