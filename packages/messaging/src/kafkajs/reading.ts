import type { Clock } from '../clock.ts';
import type { ConsumerListener, Position } from '../driver.ts';
import { DriverError } from '../errors.ts';
import type { StoredRecord, TopicPartition } from '../record.ts';
import { decodeBatches } from './batch-reader.ts';
import type { FetchedPartition } from './fetch.ts';
import type { Network } from './network.ts';
import { listOffsets } from './offsets.ts';
import { codes } from './protocol.ts';
import { messageOf } from './wire.ts';

const times = {
  /** How long a broker may hold its answer when there is nothing new. */
  waitMs: 500,
  /** The same while partitions are paused: one of them may come back. */
  shortWaitMs: 50,
  retryMs: 200,
  /** A batch that cannot be read now may be readable once a package is installed, or from another replica. */
  stuckMs: 5_000,
};

/** Said by a broker that does not lead the partition (any more, or yet). */
const moved: ReadonlySet<number> = new Set([
  ...[codes.unknownTopic, codes.leaderNotAvailable, codes.notLeader, codes.storageError],
  ...[codes.fencedLeaderEpoch, codes.unknownLeaderEpoch, 9, 78],
]);

/** A partition that is read, and from where. */
class Place implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  /** Undefined until it is known where to begin. */
  offset: number | undefined;
  isPaused = false;
  /** What came while it was paused. */
  held: Piece | undefined;
  notBeforeMs = 0;

  constructor({ topic, partition }: TopicPartition, offset: number | undefined) {
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
  }
}

interface Piece {
  readonly records: readonly StoredRecord[];
  readonly nextOffset: number;
  readonly end: number;
}

/** What a reading needs of others. */
export interface ReadingParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly from: 'earliest' | 'latest';
  readonly listener: ConsumerListener;
  /** The listener threw. */
  readonly crashed: (error: unknown) => void;
  readonly errorOf: (code: number) => Error;
}

/** Reads the partitions of one assignment, each from its leader, one request at a time to each broker. */
export class Reading {
  readonly #parts: ReadingParts;
  readonly #places = new Map<string, Place>();
  readonly #busy = new Set<number>();
  #isOver = false;
  #wake: { atMs: number; callOff: () => void } | undefined;

  constructor(
    parts: ReadingParts,
    partitions: readonly TopicPartition[],
    committed: readonly Position[],
  ) {
    this.#parts = parts;
    const offsets = new Map(committed.map((one) => [keyOf(one), one.offset]));
    for (const one of partitions) {
      this.#places.set(keyOf(one), new Place(one, offsets.get(keyOf(one))));
      parts.network.watch(one.topic);
    }
  }

  /** No record comes after this. */
  stop(): void {
    this.#isOver = true;
    this.#wake?.callOff();
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const place of this.#known(partitions)) place.isPaused = true;
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const place of this.#known(partitions)) place.isPaused = false;
    // Not within the call: who resumes may be in the midst of something.
    setImmediate(() => this.go());
  }

  seek(partition: TopicPartition, offset: number): void {
    for (const place of this.#known([partition])) {
      place.offset = offset;
      place.held = undefined;
      place.notBeforeMs = 0;
    }
    setImmediate(() => this.go());
  }

  /** Hands out what was held, and asks every broker that is not being asked. */
  go(): void {
    if (this.#isOver) return;
    for (const place of this.#places.values()) this.#release(place);
    const byLeader = new Map<number, Place[]>();
    for (const place of this.#places.values()) this.#addTo(byLeader, place);
    for (const [leader, places] of byLeader) {
      if (!this.#busy.has(leader)) void this.#read(leader, places);
    }
  }

  #release(place: Place): void {
    const { held } = place;
    if (!held || place.isPaused || this.#isOver) return;
    place.held = undefined;
    this.#deliver(place, held);
  }

  #addTo(byLeader: Map<number, Place[]>, place: Place): void {
    if (place.isPaused || place.held || !this.#isDue(place)) return;
    const leader = this.#parts.network.leaderOf(place.topic, place.partition);
    if (leader === undefined) {
      this.#rest(place, times.retryMs);
      this.#refresh();
      return;
    }
    const places = byLeader.get(leader);
    if (places) places.push(place);
    else byLeader.set(leader, [place]);
  }

  #isDue(place: Place): boolean {
    if (place.notBeforeMs <= this.#parts.clock.now()) return true;
    this.#wakeAt(place.notBeforeMs);
    return false;
  }

  async #read(leader: number, places: readonly Place[]): Promise<void> {
    this.#busy.add(leader);
    try {
      const lost = places.filter(({ offset }) => offset === undefined);
      if (lost.length > 0) await this.#locate(leader, lost);
      await this.#fetch(leader, places);
    } catch (error) {
      this.#trouble(error);
      for (const place of places) this.#rest(place, times.retryMs);
      this.#refresh();
    } finally {
      this.#busy.delete(leader);
    }
    // A turn of the loop for the others, also when the broker answers at once.
    setImmediate(() => this.go());
  }

  /** Where the group has nothing valid, its option says where to begin. */
  async #locate(leader: number, places: readonly Place[]): Promise<void> {
    const { network, from } = this.#parts;
    const wire = await network.wire(leader, 'fetch');
    for (const found of await listOffsets(wire, places, from)) {
      const place = this.#places.get(keyOf(found));
      if (!place || place.offset !== undefined) continue;
      if (found.errorCode === codes.none) place.offset = found.offset;
      else this.#failed(place, found.errorCode);
    }
  }

  async #fetch(leader: number, places: readonly Place[]): Promise<void> {
    const asked: Position[] = [];
    for (const { topic, partition, offset } of places) {
      if (offset !== undefined) asked.push({ topic, partition, offset });
    }
    if (asked.length === 0) return;
    const wire = await this.#parts.network.wire(leader, 'fetch');
    const answer = await wire.fetch(asked, this.#waitMs());
    if (answer.errorCode !== codes.none) throw this.#parts.errorOf(answer.errorCode);
    const from = new Map(asked.map((position) => [keyOf(position), position.offset]));
    for (const fetched of answer.partitions) {
      await this.#take(fetched, from.get(keyOf(fetched)));
    }
  }

  #waitMs(): number {
    const isAnyPaused = [...this.#places.values()].some(({ isPaused }) => isPaused);
    return isAnyPaused ? times.shortWaitMs : times.waitMs;
  }

  async #take(fetched: FetchedPartition, from: number | undefined): Promise<void> {
    const place = this.#places.get(keyOf(fetched));
    if (!place || from === undefined || place.offset !== from || this.#isOver) return;
    if (fetched.errorCode !== codes.none) {
      this.#failed(place, fetched.errorCode);
      return;
    }
    if (fetched.bytes.length === 0) return;
    const { records, nextOffset, failure } = await decodeBatches(
      fetched.bytes,
      from,
      fetched.aborted,
    );
    // It may have been sent elsewhere meanwhile.
    if (place.offset !== from || this.#isOver) return;
    if (nextOffset > from) this.#deliver(place, { records, nextOffset, end: fetched.end });
    else if (failure) this.#stand(place, failure);
  }

  #deliver(place: Place, piece: Piece): void {
    if (place.isPaused) {
      place.held = piece;
      return;
    }
    place.offset = piece.nextOffset;
    if (piece.records.length === 0) return;
    const { topic, partition } = place;
    try {
      this.#parts.listener.records({ topic, partition }, piece.records, piece.end);
    } catch (error) {
      this.stop();
      this.#parts.crashed(error);
    }
  }

  #failed(place: Place, code: number): void {
    const { topic, partition, offset } = place;
    if (code === codes.offsetOutOfRange) {
      place.offset = undefined;
      this.#trouble(
        new DriverError(
          `${topic}/${partition} has no offset ${offset}: it is read from the ${this.#parts.from}`,
          { isRetriable: true },
        ),
      );
      return;
    }
    if (moved.has(code)) this.#refresh();
    if (!moved.has(code) || this.#parts.network.topic(topic)?.missingSinceMs !== undefined) {
      this.#trouble(this.#parts.errorOf(code));
    }
    this.#rest(place, times.retryMs);
  }

  /** Nothing is skipped: the others go on, and this one is tried again later. */
  #stand(place: Place, cause: Error): void {
    const { topic, partition, offset } = place;
    this.#trouble(
      new DriverError(`${topic}/${partition} stands still at offset ${offset}: ${reasons(cause)}`, {
        isRetriable: false,
        cause,
      }),
    );
    this.#rest(place, times.stuckMs);
  }

  #rest(place: Place, ms: number): void {
    place.notBeforeMs = this.#parts.clock.now() + ms;
    this.#wakeAt(place.notBeforeMs);
  }

  #wakeAt(atMs: number): void {
    if (this.#isOver || (this.#wake && this.#wake.atMs <= atMs)) return;
    this.#wake?.callOff();
    const { clock } = this.#parts;
    const callOff = clock.after(Math.max(1, atMs - clock.now()), () => {
      this.#wake = undefined;
      this.go();
    });
    this.#wake = { atMs, callOff };
  }

  #refresh(): void {
    this.#parts.network.refresh().catch((error) => this.#trouble(error));
  }

  #trouble(error: unknown): void {
    if (this.#isOver) return;
    try {
      this.#parts.listener.trouble(error instanceof Error ? error : new Error(messageOf(error)));
    } catch (thrown) {
      this.stop();
      this.#parts.crashed(thrown);
    }
  }

  #known(partitions: readonly TopicPartition[]): Place[] {
    return partitions.flatMap((one) => this.#places.get(keyOf(one)) ?? []);
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic} ${partition}`;
}

function reasons(error: Error): string {
  return error.cause instanceof Error ? `${error.message}, ${reasons(error.cause)}` : error.message;
}
