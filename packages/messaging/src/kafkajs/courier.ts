import type { Clock } from '../clock.ts';
import type { Compression } from '../driver.ts';
import type { TopicPartition } from '../record.ts';
import { codecOf } from './codecs.ts';
import { Flight } from './flight.ts';
import type { Lane } from './lane.ts';
import type { Network } from './network.ts';
import type { ProduceBatch } from './produce.ts';
import type { ProducerId } from './producer-id.ts';
import type { BatchBody } from './record-batch.ts';
import type { Wire } from './wire.ts';

const times = {
  /** How long the broker waits for its replicas; our own limit is a second more. */
  ackMs: 4_000,
  /** A request that takes longer is looked after: its leader may hang. */
  watchMs: 1_000,
};

export interface CourierParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly compression: Compression;
  readonly producerId: ProducerId;
  /** Asks who leads what; never fails and never takes long. */
  readonly refresh: () => Promise<void>;
}

/** Takes one batch of each of some lanes to the broker that leads them. */
export class Courier {
  readonly #parts: CourierParts;

  constructor(parts: CourierParts) {
    this.#parts = parts;
  }

  /** Never fails: the flight says what became of each lane. */
  async carry(leader: number, lanes: readonly Lane[]): Promise<Flight> {
    const flight = new Flight();
    try {
      const sealed = await Promise.all(lanes.map((lane) => this.#seal(lane, flight)));
      const batches = sealed.filter((batch) => batch !== undefined);
      const wire = await this.#parts.network.wire(leader, 'produce');
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
    return flight;
  }

  /** What cannot be encoded must not keep the others from being sent. */
  async #seal(lane: Lane, flight: Flight): Promise<ProduceBatch | undefined> {
    try {
      const batch = lane.head;
      if (!batch) return undefined;
      const sequence = await lane.sequenceFor(batch, (used) => this.#parts.producerId.after(used));
      const body = await batch.body((plain) => this.#compress(plain));
      return { topic: lane.topic, partition: lane.partition, body, sequence };
    } catch (cause) {
      flight.stayed(lane, cause);
      return undefined;
    }
  }

  async #compress(body: BatchBody): Promise<BatchBody> {
    const { compression } = this.#parts;
    if (compression === 'none') return body;
    const codec = await codecOf(compression);
    return { ...body, codec: codec.id, bytes: await codec.compress(body.bytes) };
  }

  /** A leader that hangs answers nobody: as soon as another one is elected, its partitions go there. */
  #watch(leader: number, wire: Wire, partitions: readonly TopicPartition[]): () => void {
    const { network, clock, refresh } = this.#parts;
    let callOff: () => void;
    const look = async () => {
      await refresh();
      const isDeposed = partitions.some(({ topic, partition }) => {
        const now = network.leaderOf(topic, partition);
        return now !== undefined && now !== leader;
      });
      if (isDeposed) wire.cut(new Error(`broker ${leader} is silent and no longer the leader`));
    };
    const next = () => {
      callOff = clock.after(times.watchMs, () => {
        next();
        void look();
      });
    };
    next();
    return () => callOff();
  }
}
