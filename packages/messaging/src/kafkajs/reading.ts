import type { Clock } from '../clock.ts';
import type { ConsumerListener, Position } from '../driver.ts';
import { DriverError } from '../errors.ts';
import type { TopicPartition } from '../record.ts';
import { Alarm } from './alarm.ts';
import { decodeBatches } from './batch-reader.ts';
import type { FetchedPartition } from './fetch.ts';
import { locate } from './locate.ts';
import type { Network } from './network.ts';
import { keyOf, type Piece, Place, Places } from './place.ts';
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

/** What a reading needs of others. */
export interface ReadingParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly from: 'earliest' | 'latest';
  readonly listener: ConsumerListener;
  /** The listener threw, or has to begin anew. */
  readonly crashed: (error: unknown) => void;
  readonly errorOf: (code: number) => Error;
}

/** Reads the partitions of one assignment, each from its leader, one request at a time to each broker. */
export class Reading {
  readonly #parts: ReadingParts;
  readonly #places: Places;
  readonly #busy = new Set<number>();
  readonly #alarm: Alarm;
  #isOver = false;

  constructor(
    parts: ReadingParts,
    partitions: readonly TopicPartition[],
    committed: readonly Position[],
  ) {
    this.#parts = parts;
    this.#alarm = new Alarm(parts.clock, () => this.go());
    const offsets = new Map(committed.map((one) => [keyOf(one), one.offset]));
    this.#places = new Places(partitions.map((one) => new Place(one, offsets.get(keyOf(one)))));
    for (const { topic } of partitions) parts.network.watch(topic);
  }

  /** No record comes after this. */
  stop(): void {
    this.#isOver = true;
    this.#alarm.stop();
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const place of this.#places.those(partitions)) place.isPaused = true;
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const place of this.#places.those(partitions)) place.isPaused = false;
    // Not within the call: who resumes may be in the midst of something.
    setImmediate(() => this.go());
  }

  seek(partition: TopicPartition, offset: number): void {
    for (const place of this.#places.those([partition])) {
      place.move(offset);
      place.isPromised = true;
      place.held = undefined;
      place.notBeforeMs = 0;
    }
    setImmediate(() => this.go());
  }

  /** Hands out what was held, and asks every broker that is not being asked. */
  go(): void {
    if (this.#isOver) return;
    for (const place of this.#places) this.#release(place);
    const byLeader = new Map<number, Place[]>();
    for (const place of this.#places) this.#addTo(byLeader, place);
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
    this.#alarm.at(place.notBeforeMs);
    return false;
  }

  async #read(leader: number, places: readonly Place[]): Promise<void> {
    this.#busy.add(leader);
    try {
      const lost = places.filter(({ offset, isOutside }) => offset === undefined || isOutside);
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

  async #locate(leader: number, places: readonly Place[]): Promise<void> {
    const { network, from } = this.#parts;
    await locate(await network.wire(leader, 'fetch'), places, from, {
      refused: (place, code) => this.#refused(place, code),
      trouble: (error) => this.#trouble(error),
      crashed: (error) => this.#crash(error),
    });
  }

  async #fetch(leader: number, places: readonly Place[]): Promise<void> {
    const asked: Position[] = [];
    for (const { topic, partition, offset, isOutside } of places) {
      if (offset !== undefined && !isOutside) asked.push({ topic, partition, offset });
    }
    if (asked.length === 0 || this.#isOver) return;
    const wire = await this.#parts.network.wire(leader, 'fetch');
    const answer = await wire.fetch(asked, this.#waitMs());
    if (answer.errorCode !== codes.none) throw this.#parts.errorOf(answer.errorCode);
    const from = new Map(asked.map((position) => [keyOf(position), position.offset]));
    for (const fetched of answer.partitions) {
      await this.#take(fetched, from.get(keyOf(fetched)));
    }
  }

  #waitMs(): number {
    for (const { isPaused } of this.#places) if (isPaused) return times.shortWaitMs;
    return times.waitMs;
  }

  async #take(fetched: FetchedPartition, from: number | undefined): Promise<void> {
    const place = this.#places.get(fetched);
    if (!place || from === undefined || place.offset !== from || this.#isOver) return;
    if (fetched.errorCode !== codes.none) {
      this.#refused(place, fetched.errorCode);
      return;
    }
    const { bytes, aborted, end } = fetched;
    if (bytes.length === 0) return;
    const { records, nextOffset, failure } = await decodeBatches(bytes, from, aborted);
    // It may have been sent elsewhere meanwhile.
    if (place.offset !== from || this.#isOver) return;
    if (nextOffset > from) this.#deliver(place, { records, nextOffset, end });
    else if (failure) this.#stand(place, failure);
  }

  #deliver(place: Place, piece: Piece): void {
    if (place.isPaused) {
      place.held = piece;
      return;
    }
    place.offset = piece.nextOffset;
    if (piece.records.length === 0) return;
    place.isPromised = true;
    const { topic, partition } = place;
    try {
      this.#parts.listener.records({ topic, partition }, piece.records, piece.end);
    } catch (error) {
      this.#crash(error);
    }
  }

  #refused(place: Place, code: number): void {
    if (code === codes.offsetOutOfRange) {
      place.isOutside = true;
      return;
    }
    const isGone = this.#parts.network.topic(place.topic)?.missingSinceMs !== undefined;
    if (moved.has(code)) this.#refresh();
    if (!moved.has(code) || isGone) this.#trouble(this.#parts.errorOf(code));
    this.#rest(place, times.retryMs);
  }

  /** Nothing is skipped: the others go on, and this one is tried again later. */
  #stand(place: Place, cause: Error): void {
    const text = `${place.name} stands still at offset ${place.offset}: ${reasons(cause)}`;
    this.#trouble(new DriverError(text, { isRetriable: false, cause }));
    this.#rest(place, times.stuckMs);
  }

  #rest(place: Place, ms: number): void {
    place.notBeforeMs = this.#parts.clock.now() + ms;
    if (!this.#isOver) this.#alarm.at(place.notBeforeMs);
  }

  #refresh(): void {
    this.#parts.network.refresh().catch((error) => this.#trouble(error));
  }

  #trouble(error: unknown): void {
    if (this.#isOver) return;
    try {
      this.#parts.listener.trouble(error instanceof Error ? error : new Error(messageOf(error)));
    } catch (thrown) {
      this.#crash(thrown);
    }
  }

  #crash(error: unknown): void {
    this.stop();
    this.#parts.crashed(error);
  }
}

function reasons(error: Error): string {
  return error.cause instanceof Error ? `${error.message}, ${reasons(error.cause)}` : error.message;
}
