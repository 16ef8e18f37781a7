import type { Clock } from '../clock.ts';
import type {
  Assignment,
  ConsumerListener,
  DriverConsumer,
  DriverConsumerOptions,
  Position,
} from '../driver.ts';
import { DriverError, UnknownTopicError } from '../errors.ts';
import type { TopicPartition } from '../record.ts';
import { Coordinator } from './coordinator.ts';
import { commitOffsets, committedOffsets } from './group-offsets.ts';
import { Heart } from './heart.ts';
import { type Generation, Membership } from './membership.ts';
import type { Network } from './network.ts';
import { Reading } from './reading.ts';
import { messageOf } from './wire.ts';
import { sleep, within } from './within.ts';

const times = {
  /** How often it is looked whether topics have got or lost partitions. */
  lookMs: 3_000,
  /** How long the cluster may fail to say what it knows of the topics. */
  patienceMs: 30_000,
  commitMs: 10_000,
  retryMs: 200,
  /** Of a member that holds nothing. */
  stopMs: 1_500,
};

/** Why an assignment is given up. */
type End =
  | { readonly kind: 'rebalance' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'lost'; readonly error: DriverError }
  | { readonly kind: 'crashed'; readonly error: unknown };

/** What is held between two rebalances. */
interface Tenure {
  readonly assignment: Assignment;
  readonly generation: Generation;
  readonly heart: Heart;
  readonly reading: Reading;
}

/**
 * A member of a group by itself, on the connections of kafkajs: it beats while somebody works, waits while
 * partitions are given up, and stops without waiting for a poll.
 */
export class KafkajsConsumer implements DriverConsumer {
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #options: DriverConsumerOptions;
  readonly #errorOf: (code: number) => Error;
  readonly #coordinator: Coordinator;
  readonly #membership: Membership;
  readonly #stopping = new AbortController();
  /** Topics that were there and are not any more. */
  readonly #gone = new Set<string>();
  #tenure: Tenure | undefined;
  #running: Promise<void> | undefined;

  constructor(
    network: Network,
    clock: Clock,
    options: DriverConsumerOptions,
    errorOf: (code: number) => Error,
  ) {
    this.#network = network;
    this.#clock = clock;
    this.#options = options;
    this.#errorOf = errorOf;
    this.#coordinator = new Coordinator(network, clock, options.group, errorOf);
    const signal = this.#stopping.signal;
    const coordinator = this.#coordinator;
    this.#membership = new Membership({ network, coordinator, clock, options, errorOf, signal });
  }

  run(listener: ConsumerListener): Promise<void> {
    this.#running ??= this.#run(listener);
    return this.#running;
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#tenure?.reading.pause(partitions);
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#tenure?.reading.resume(partitions);
  }

  seek(partition: TopicPartition, offset: number): void {
    this.#tenure?.reading.seek(partition, offset);
  }

  async commit(epoch: number, offsets: readonly Position[]): Promise<void> {
    const tenure = this.#tenure;
    if (tenure?.assignment.epoch !== epoch) {
      throw new DriverError(`assignment ${epoch} is over`, { isRetriable: false, isStale: true });
    }
    const { id, memberId } = tenure.generation;
    const member = { group: this.#options.group, generationId: id, memberId };
    const options = { forMs: times.commitMs };
    await commitOffsets(this.#coordinator, member, offsets, this.#errorOf, options);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const ended = Promise.resolve(this.#running).catch(messageOf);
    if (this.#tenure) {
      await ended;
      return;
    }
    // It may wait for the others of the group, or for a broker that does not answer: that ends by itself.
    this.#coordinator.cut();
    const late = () => new Error('late');
    await within(this.#clock, times.stopMs, ended, late).catch(messageOf);
  }

  async #run(listener: ConsumerListener): Promise<void> {
    const { signal } = this.#stopping;
    try {
      await this.#untilTopicsAreKnown(listener);
      while (!signal.aborted) {
        const generation = await this.#membership.join((error) => listener.trouble(error));
        await this.#hold(generation, listener);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await this.#membership.leave();
      this.#network.close();
    }
  }

  /** One that is missing does not keep the others from being read; if all are, there is nothing to do. */
  async #untilTopicsAreKnown(listener: ConsumerListener): Promise<void> {
    const { topics } = this.#options;
    const { signal } = this.#stopping;
    const endMs = this.#clock.now() + times.patienceMs;
    for (const topic of topics) this.#network.watch(topic);
    for (;;) {
      const failure = await this.#network.refresh().then(
        () => undefined,
        (error) => error,
      );
      if (topics.some((topic) => this.#network.partitionsOf(topic) > 0) || signal.aborted) return;
      const missing = topics.find((topic) => this.#network.isMissing(topic));
      if (missing !== undefined) throw new UnknownTopicError(missing);
      if (failure) listener.trouble(failure);
      if (failure && this.#clock.now() > endMs) throw failure;
      await sleep(this.#clock, times.retryMs, signal);
    }
  }

  /** From the moment it is held until the moment it is not. */
  async #hold(generation: Generation, listener: ConsumerListener): Promise<void> {
    const { group, sessionTimeoutMs } = this.#options;
    const heart = new Heart(this.#membership, generation, this.#clock, sessionTimeoutMs);
    const ended = Promise.withResolvers<End>();
    try {
      const { partitions } = generation;
      const committed = await committedOffsets(
        this.#coordinator,
        group,
        partitions,
        this.#errorOf,
        {
          forMs: times.commitMs,
          signal: this.#stopping.signal,
          trouble: (error) => listener.trouble(error),
        },
      );
      const reading = new Reading(
        {
          network: this.#network,
          clock: this.#clock,
          from: this.#options.from,
          listener,
          crashed: (error) => ended.resolve({ kind: 'crashed', error }),
          errorOf: this.#errorOf,
        },
        partitions,
        committed,
      );
      const assignment = { epoch: generation.id, partitions };
      this.#tenure = { assignment, generation, heart, reading };
      await this.#tend(this.#tenure, listener, ended);
    } finally {
      this.#tenure = undefined;
      heart.stop();
    }
  }

  async #tend(
    { assignment, generation, heart, reading }: Tenure,
    listener: ConsumerListener,
    ended: PromiseWithResolvers<End>,
  ): Promise<void> {
    const over = new AbortController();
    listener.assigned(assignment);
    this.#tellGone(listener);
    reading.go();
    void this.#lookAtTopics(generation, over.signal, listener, () =>
      ended.resolve({ kind: 'rebalance' }),
    );
    void heart.rebalance.then(() => ended.resolve({ kind: 'rebalance' }));
    void heart.lost.then((error) => ended.resolve({ kind: 'lost', error }));
    const stop = () => ended.resolve({ kind: 'stop' });
    this.#stopping.signal.addEventListener('abort', stop, { once: true });
    if (this.#stopping.signal.aborted) stop();
    const end = await ended.promise;
    this.#stopping.signal.removeEventListener('abort', stop);
    over.abort();
    reading.stop();
    if (end.kind === 'rebalance' || end.kind === 'stop') {
      await this.#giveUp(assignment, heart, listener);
      return;
    }
    this.#tenure = undefined;
    listener.lost(assignment);
    if (end.kind === 'crashed') throw end.error;
    listener.trouble(end.error);
  }

  /** Waits for who works, as long as the group does. */
  async #giveUp(assignment: Assignment, heart: Heart, listener: ConsumerListener): Promise<void> {
    const late = () =>
      new DriverError('not given up in time', { isRetriable: true, isStale: true });
    const answered = listener.revoking(assignment).then(() => undefined);
    const limitMs = this.#options.rebalanceTimeoutMs;
    const failure = await within(
      this.#clock,
      limitMs,
      Promise.race([answered, heart.lost]),
      late,
    ).catch((error) => error);
    this.#tenure = undefined;
    if (failure === undefined) return;
    listener.lost(assignment);
    listener.trouble(failure);
  }

  /** Only the leader of the group knows what was shared out, so only it looks. */
  async #lookAtTopics(
    { partitionCounts }: Generation,
    over: AbortSignal,
    listener: ConsumerListener,
    changed: () => void,
  ): Promise<void> {
    while (!over.aborted) {
      await sleep(this.#clock, times.lookMs, over);
      if (over.aborted) return;
      await this.#network.refresh().catch(messageOf);
      if (over.aborted) return;
      const counts = [...partitionCounts];
      const gone = counts.filter(([topic, count]) => count > 0 && this.#network.isMissing(topic));
      for (const [topic] of gone) this.#gone.add(topic);
      this.#tellGone(listener);
      const isMore = counts.some(([topic, count]) => this.#network.partitionsOf(topic) > count);
      if (isMore || gone.length > 0) changed();
    }
  }

  /** Also after the group has shared out what is left, since all is well for it then. */
  #tellGone(listener: ConsumerListener): void {
    for (const topic of this.#gone) {
      if (this.#network.isMissing(topic)) listener.trouble(new UnknownTopicError(topic));
      else this.#gone.delete(topic);
    }
  }
}
