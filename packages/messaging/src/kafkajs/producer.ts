import type { Clock } from '../clock.ts';
import type { DriverProducer, DriverProducerOptions, PartitionQueue } from '../driver.ts';
import { DriverError, UnknownTopicError } from '../errors.ts';
import { Alarm } from './alarm.ts';
import { Courier } from './courier.ts';
import { Lane } from './lane.ts';
import type { Network } from './network.ts';
import { askForPartitions } from './partition-counts.ts';
import { ProducerId } from './producer-id.ts';
import { settle } from './settle.ts';
import { messageOf } from './wire.ts';
import { within } from './within.ts';

const times = {
  /** Until it is looked again who leads a partition. */
  seekMs: 100,
  /** How long who waits for fresh metadata waits at most. */
  refreshMs: 1_000,
  /** How old metadata may be. */
  maxAgeMs: 30_000,
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
  readonly #courier: Courier;
  readonly #lanes = new Map<string, Lane>();
  /** Lanes with something to send; who did not fit into a request comes last. */
  readonly #ready = new Set<Lane>();
  /** By the broker that they go to. */
  readonly #flights = new Map<number, Promise<void>>();
  readonly #closing = new AbortController();
  readonly #alarm: Alarm;
  #isScheduled = false;

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
    const { compression } = options;
    const producerId = new ProducerId(network, errorOf);
    const refresh = () => this.#refresh();
    this.#courier = new Courier({ network, clock, compression, producerId, refresh });
    this.#alarm = new Alarm(clock, () => this.#drain());
  }

  partitionsOf(topic: string, signal?: AbortSignal): number | Promise<number> {
    const count = this.#network.partitionsOf(topic);
    if (count === 0) {
      const closing = this.#closing.signal;
      const ended = signal ? AbortSignal.any([signal, closing]) : closing;
      return askForPartitions(this.#network, this.#clock, topic, ended);
    }
    if (this.#network.ageMs > times.maxAgeMs) void this.#refresh();
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
    const closed = new DriverError('the producer is closed', { isRetriable: false });
    this.#closing.abort(closed);
    this.#alarm.stop();
    this.#network.close();
    await Promise.all(this.#flights.values());
    for (const lane of this.#lanes.values()) while (lane.head) lane.giveUp(closed);
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
    this.#alarm.at(lane.notBeforeMs);
    return false;
  }

  #seekLeader(lane: Lane): void {
    if (this.#network.isMissing(lane.topic)) {
      this.#dropTopic(lane.topic);
      return;
    }
    lane.notBeforeMs = this.#clock.now() + times.seekMs;
    this.#alarm.at(lane.notBeforeMs);
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

  #depart(leader: number, lanes: readonly Lane[]): void {
    const load = this.#load(lanes);
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

  /** Takes from each partition what fits into one request. */
  #load(lanes: readonly Lane[]): Lane[] {
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
    return load;
  }

  async #fly(leader: number, lanes: readonly Lane[]): Promise<void> {
    const flight = await this.#courier.carry(leader, lanes);
    const { signal } = this.#closing;
    const closed: Error | undefined = signal.aborted ? signal.reason : undefined;
    const court = { nowMs: this.#clock.now(), errorOf: this.#errorOf, closed };
    const isStale = lanes.filter((lane) => settle(lane, flight, court)).length > 0;
    if (isStale && !closed) await this.#refresh();
  }

  /** Never fails and never takes long: who needs the answer looks again later. */
  async #refresh(): Promise<void> {
    const late = () => new Error('late');
    const refreshed = this.#network.refresh();
    await within(this.#clock, times.refreshMs, refreshed, late).catch(messageOf);
  }
}

function addTo(byLeader: Map<number, Lane[]>, leader: number, lane: Lane): void {
  const lanes = byLeader.get(leader);
  if (lanes) lanes.push(lane);
  else byLeader.set(leader, [lane]);
}
