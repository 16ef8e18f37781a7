import type { Clock } from '../clock.ts';
import type { DriverProducer, DriverProducerOptions, PartitionQueue } from '../driver.ts';
import { DriverError, UnknownTopicError } from '../errors.ts';
import type { TopicPartition } from '../record.ts';
import { codecOf } from './codecs.ts';
import { Flight } from './flight.ts';
import { type Batch, type Identity, Lane } from './lane.ts';
import type { Network } from './network.ts';
import type { ProduceBatch } from './produce.ts';
import { hasLostSequence, isRetriable, isUnsure } from './produce-codes.ts';
import { codes } from './protocol.ts';
import type { BatchBody } from './record-batch.ts';
import { messageOf, type Wire } from './wire.ts';
import { sleep, within } from './within.ts';

const times = {
  /** How long the broker waits for its replicas; our own limit is a second more. */
  ackMs: 4_000,
  /** A request that takes longer is looked after: its leader may hang. */
  watchMs: 1_000,
  retryMs: 50,
  maxRetryMs: 1_000,
  /** A topic that was just made is not known to all brokers at once. */
  graceMs: 3_000,
  /** How long the cluster may take to say how many partitions a topic has. */
  askMs: 10_000,
  refreshMs: 30_000,
};

const maxRequestBytes = 4_000_000;

/**
 * One request on its way to each broker, and in it one batch of each partition that the broker leads. What
 * waits meanwhile makes the next batches larger.
 */
export class KafkajsProducer implements DriverProducer {
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #options: DriverProducerOptions;
  readonly #errorOf: (code: number) => Error;
  readonly #lanes = new Map<string, Lane>();
  /** Lanes with something to send; who did not fit into a request comes last. */
  readonly #ready = new Set<Lane>();
  readonly #flights = new Map<number, Promise<void>>();
  readonly #closing = new AbortController();
  #identity: Identity | undefined;
  #asking: Promise<Identity> | undefined;
  #isScheduled = false;
  #wake: { atMs: number; callOff: () => void } | undefined;

  constructor(
    network: Network,
    clock: Clock,
    options: DriverProducerOptions,
    errorOf: (code: number) => Error,
  ) {
    this.#network = network;
    this.#clock = clock;
    this.#options = options;
    this.#errorOf = errorOf;
  }

  partitionsOf(topic: string, signal?: AbortSignal): number | Promise<number> {
    const count = this.#network.topic(topic)?.leaders.length ?? 0;
    if (count === 0) return this.#askForPartitions(topic, signal);
    if (this.#network.ageMs > times.refreshMs) void this.#refresh();
    return count;
  }

  offer(queue: PartitionQueue): void {
    if (this.#closing.signal.aborted) return;
    const key = `${queue.topic} ${queue.partition}`;
    let lane = this.#lanes.get(key);
    if (lane) lane.queue = queue;
    else {
      lane = new Lane(queue);
      this.#lanes.set(key, lane);
    }
    this.#network.watch(queue.topic);
    this.#ready.add(lane);
    this.#kick();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#wake?.callOff();
    this.#network.close();
    await Promise.all(this.#flights.values());
    for (const lane of this.#lanes.values()) while (lane.head) lane.giveUp(closed());
  }

  async #askForPartitions(topic: string, signal?: AbortSignal): Promise<number> {
    const endMs = this.#clock.now() + times.askMs;
    let cause: unknown;
    this.#network.watch(topic);
    for (let waitMs = times.retryMs; this.#clock.now() < endMs; waitMs = grow(waitMs)) {
      signal?.throwIfAborted();
      if (this.#closing.signal.aborted) throw closed();
      await this.#network.refresh().catch((error: DriverError) => {
        if (!error.isRetriable) throw error;
        cause = error;
      });
      const count = this.#network.topic(topic)?.leaders.length ?? 0;
      if (count > 0) return count;
      this.#forgetIfMissing(topic);
      await sleep(this.#clock, waitMs, signal);
    }
    throw new DriverError(`the cluster did not say in time how many partitions ${topic} has`, {
      isRetriable: true,
      cause,
    });
  }

  #forgetIfMissing(topic: string): void {
    if (!this.#isMissing(topic)) return;
    this.#network.forget(topic);
    throw new UnknownTopicError(topic);
  }

  #isMissing(topic: string): boolean {
    const sinceMs = this.#network.topic(topic)?.missingSinceMs;
    return sinceMs !== undefined && this.#clock.now() - sinceMs >= times.graceMs;
  }

  /** Not at once: all that is offered in one turn of the loop goes together. */
  #kick(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#drain();
    });
  }

  #drain(): void {
    if (this.#closing.signal.aborted) return;
    const byLeader = new Map<number, Lane[]>();
    for (const lane of this.#ready) {
      if (lane.isBusy || !this.#isDue(lane)) continue;
      const leader = this.#network.leaderOf(lane.topic, lane.partition);
      if (leader === undefined) this.#seekLeader(lane);
      else if (!this.#flights.has(leader)) addTo(byLeader, leader, lane);
    }
    for (const [leader, lanes] of byLeader) this.#depart(leader, lanes);
  }

  /** Fails what is late; false while the lane has to wait. */
  #isDue(lane: Lane): boolean {
    const nowMs = this.#clock.now();
    lane.expire(nowMs);
    if (lane.notBeforeMs <= nowMs) return true;
    this.#wakeAt(lane.notBeforeMs);
    return false;
  }

  #wakeAt(atMs: number): void {
    if (this.#wake && this.#wake.atMs <= atMs) return;
    this.#wake?.callOff();
    const callOff = this.#clock.after(Math.max(1, atMs - this.#clock.now()), () => {
      this.#wake = undefined;
      this.#drain();
    });
    this.#wake = { atMs, callOff };
  }

  #seekLeader(lane: Lane): void {
    if (this.#isMissing(lane.topic)) {
      this.#dropTopic(lane.topic);
      return;
    }
    lane.notBeforeMs = this.#clock.now() + 2 * times.retryMs;
    this.#wakeAt(lane.notBeforeMs);
    void this.#refresh();
  }

  /** Nobody can say when it comes back: what waits for it fails. Its sequences stay, for it may be there. */
  #dropTopic(topic: string): void {
    this.#network.forget(topic);
    for (const lane of this.#lanes.values()) {
      if (lane.topic !== topic || lane.isBusy) continue;
      const cause = new UnknownTopicError(topic);
      while (lane.next(Number.MAX_SAFE_INTEGER)) lane.giveUp(cause);
      this.#ready.delete(lane);
    }
  }

  /** Takes from each partition what fits into one request, and sends it. */
  #depart(leader: number, lanes: readonly Lane[]): void {
    const load: Lane[] = [];
    let room = maxRequestBytes;
    for (const lane of lanes) {
      // It comes last now, so everybody gets his turn.
      this.#ready.delete(lane);
      if (room <= 0) {
        this.#ready.add(lane);
        continue;
      }
      const batch = lane.next(this.#options.maxBatchBytes);
      if (!batch) continue;
      room -= batch.bytes;
      lane.isBusy = true;
      load.push(lane);
    }
    if (load.length === 0) return;
    const flight = this.#fly(leader, load).finally(() => {
      this.#flights.delete(leader);
      for (const lane of load) {
        lane.isBusy = false;
        this.#ready.add(lane);
      }
      this.#kick();
    });
    this.#flights.set(leader, flight);
  }

  async #fly(leader: number, lanes: readonly Lane[]): Promise<void> {
    const flight = new Flight();
    try {
      const sealed = await Promise.all(lanes.map((lane) => this.#seal(lane, flight)));
      const batches = sealed.filter((batch) => batch !== undefined);
      const wire = await this.#network.wire(leader, 'produce');
      const stop = this.#watch(leader, wire, batches);
      try {
        const answer = await wire.produce(batches, times.ackMs, () => flight.left(batches));
        for (const outcome of answer.partitions) flight.landed(outcome);
      } finally {
        stop();
      }
    } catch (cause) {
      flight.failed(cause);
    }
    const isStale = lanes.filter((lane) => this.#settle(lane, flight)).length > 0;
    if (isStale && !this.#closing.signal.aborted) await this.#refresh();
  }

  /** What cannot be encoded must not keep the others from being sent. */
  async #seal(lane: Lane, flight: Flight): Promise<ProduceBatch | undefined> {
    try {
      const batch = lane.head;
      if (!batch) return undefined;
      const sequence = await lane.sequenceFor(batch, (used) => this.#identityAfter(used));
      const body = await batch.body((plain) => this.#compress(plain));
      return { topic: lane.topic, partition: lane.partition, body, sequence };
    } catch (cause) {
      flight.stayed(lane, cause);
      return undefined;
    }
  }

  async #compress(body: BatchBody): Promise<BatchBody> {
    const { compression } = this.#options;
    if (compression === 'none') return body;
    const codec = await codecOf(compression);
    return { ...body, codec: codec.id, bytes: await codec.compress(body.bytes) };
  }

  /** All lanes share one, until one of them has used all its epochs. */
  async #identityAfter(used: bigint | undefined): Promise<Identity> {
    const known = this.#identity;
    if (known && known.producerId !== used) return known;
    this.#asking ??= this.#initProducerId().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #initProducerId(): Promise<Identity> {
    const args = { transactionalId: null, transactionTimeout: 60_000 };
    // Any broker may say.
    const { errorCode, producerId, producerEpoch } = await this.#network.ask(
      'InitProducerId',
      args,
    );
    if (errorCode !== codes.none) throw this.#errorOf(errorCode);
    this.#identity = { producerId: BigInt(producerId), epoch: producerEpoch };
    return this.#identity;
  }

  /** Returns whether what we know of the cluster may be old. */
  #settle(lane: Lane, flight: Flight): boolean {
    const batch = lane.head;
    const { code, baseOffset, cause, hasLeft } = flight.outcomeOf(lane);
    if (!batch) return false;
    if (code === codes.none || code === codes.duplicateSequence) {
      lane.written(baseOffset < 0 ? undefined : baseOffset);
      return false;
    }
    if (code === undefined ? hasLeft : isUnsure(code)) batch.isMaybeWritten = true;
    const error = code === undefined ? driverError(cause) : driverError(this.#errorOf(code));
    if (this.#closing.signal.aborted) lane.giveUp(closed());
    else if (this.#mayTryAgain(lane, batch, code, error)) this.#backOff(lane, batch);
    else lane.giveUp(error);
    return true;
  }

  #mayTryAgain(lane: Lane, batch: Batch, code: number | undefined, error: DriverError): boolean {
    if (code === undefined) return error.isRetriable;
    if (code === codes.tooLarge || code === codes.listTooLarge) return lane.split();
    if (!hasLostSequence(code)) return isRetriable(code);
    if (batch.isMaybeWritten) return false;
    lane.endEpoch();
    return true;
  }

  #backOff(lane: Lane, batch: Batch): void {
    // The halves of a batch that was too large are new ones and go at once.
    if (lane.head !== batch) return;
    const waitMs = Math.min(times.retryMs * 2 ** Math.min(batch.attempts, 10), times.maxRetryMs);
    batch.attempts += 1;
    lane.notBeforeMs = this.#clock.now() + waitMs;
  }

  /** A leader that hangs answers nobody: as soon as another one is elected, its partitions go there. */
  #watch(leader: number, wire: Wire, partitions: readonly TopicPartition[]): () => void {
    let callOff: () => void;
    const look = async () => {
      await this.#refresh();
      const isDeposed = partitions.some(({ topic, partition }) => {
        const now = this.#network.leaderOf(topic, partition);
        return now !== undefined && now !== leader;
      });
      if (isDeposed) wire.cut(new Error(`broker ${leader} is silent and no longer the leader`));
    };
    const next = () => {
      callOff = this.#clock.after(times.watchMs, () => {
        next();
        void look();
      });
    };
    next();
    return () => callOff();
  }

  /** Never fails and never takes long: who needs the answer looks again later. */
  async #refresh(): Promise<void> {
    const late = () => new Error('late');
    await within(this.#clock, times.watchMs, this.#network.refresh(), late).catch(messageOf);
  }
}

function driverError(cause: unknown): DriverError {
  if (cause instanceof DriverError) return cause;
  const isRetriable = !(cause instanceof TypeError);
  return new DriverError(messageOf(cause), { isRetriable, cause });
}

function addTo(byLeader: Map<number, Lane[]>, leader: number, lane: Lane): void {
  const lanes = byLeader.get(leader);
  if (lanes) lanes.push(lane);
  else byLeader.set(leader, [lane]);
}

function grow(waitMs: number): number {
  return Math.min(waitMs * 2, times.maxRetryMs);
}

function closed(): DriverError {
  return new DriverError('the producer is closed', { isRetriable: false });
}
