import { EventEmitter } from 'node:events';
import CircuitBreaker from 'opossum';
import type { FullClock } from '../clock.ts';

/** The names that opossum counts under. */
export type StatusProperty =
  | Exclude<keyof CircuitBreaker.Bucket, 'percentiles' | 'latencyTimes'>
  | 'coalesceCacheHits'
  | 'coalesceCacheMisses';

/** opossum's `Status` as it is, which its types tell only a part of. */
interface RealStatus extends EventEmitter {
  readonly stats: CircuitBreaker.Stats;
  readonly window: CircuitBreaker.Bucket[];
  rotateBucket(): void;
  increment(property: StatusProperty, latencyMs?: number): void;
  open(): void;
  close(): void;
  shutdown(): void;
}

/** A status that is given its own rotation starts no timer. */
const withoutTimers = () => ({
  rotateBucketController: new EventEmitter(),
  enableSnapshots: false,
});

// opossum exports no class for it, but a factory.
const Status = CircuitBreaker.newStatus(withoutTimers()).constructor as new (
  options: object,
) => RealStatus;

type Bucket = { [property in StatusProperty]?: number } & { latencyTimes: number[] };

/** The options of a status, and of a circuit: the statistics to begin with are one thing or the other. */
type LazyStatusOptions = CircuitBreaker.StatusOptions & Pick<CircuitBreaker.Options, 'status'>;

/** Enough for percentiles to mean something; a sample of what there was when there was more. */
const maxLatenciesPerBucket = 1_000;

/**
 * opossum's rolling statistics without its timers and without end: the buckets move on when
 * somebody counts or looks, and the latencies of a bucket are a sample of bounded size.
 */
export class LazyStatus extends Status {
  readonly #clock: FullClock;
  readonly #bucketMs: number;
  readonly #measures: boolean;
  #bucket: Bucket;
  #latencies = 0;
  #sinceMs: number;
  #stopSnapshots: (() => void) | undefined;
  /** The user's own beat, if he has one: then ours is silent. */
  readonly #beat: EventEmitter | undefined;
  readonly #onBeat: () => void = () => this.#rotate(1);

  constructor(options: LazyStatusOptions, clock: FullClock) {
    const { status } = options;
    super({ stats: status?.stats ?? status, ...options, ...withoutTimers() });
    const { rollingCountTimeout = 10_000, rollingCountBuckets = 10 } = options;
    this.#clock = clock;
    this.#bucketMs = Math.max(1, Math.floor(rollingCountTimeout / rollingCountBuckets));
    this.#measures = options.rollingPercentilesEnabled !== false;
    this.#sinceMs = clock.now();
    this.#bucket = newest(super.window);
    this.#beat = options.rotateBucketController;
    this.#beat?.on('rotate', this.#onBeat);
    if (options.enableSnapshots !== false) this.#followListeners();
  }

  override get stats(): CircuitBreaker.Stats {
    this.#catchUp(this.#clock.now());
    return super.stats;
  }

  override get window(): CircuitBreaker.Bucket[] {
    this.#catchUp(this.#clock.now());
    return super.window;
  }

  override increment(property: StatusProperty, latencyMs?: number): void {
    this.count(property, this.#clock.now(), latencyMs);
  }

  count(property: StatusProperty, nowMs: number, latencyMs?: number): void {
    this.#catchUp(nowMs);
    this.#bucket[property] = (this.#bucket[property] ?? 0) + 1;
    if (latencyMs !== undefined && this.#measures) this.#sample(latencyMs);
  }

  override shutdown(): void {
    this.#stopSnapshots?.();
    this.#beat?.off('rotate', this.#onBeat);
    super.shutdown();
  }

  #sample(latencyMs: number): void {
    const { latencyTimes } = this.#bucket;
    this.#latencies += 1;
    // Each latency has the same chance of being in the sample (Vitter's algorithm R).
    const index =
      latencyTimes.length < maxLatenciesPerBucket
        ? latencyTimes.length
        : Math.floor(Math.random() * this.#latencies);
    if (index < maxLatenciesPerBucket) latencyTimes[index] = latencyMs;
  }

  #catchUp(nowMs: number): void {
    if (this.#beat || nowMs - this.#sinceMs < this.#bucketMs) return;
    const periods = Math.floor((nowMs - this.#sinceMs) / this.#bucketMs);
    this.#sinceMs += periods * this.#bucketMs;
    this.#rotate(periods);
  }

  #rotate(periods: number): void {
    const buckets = super.window.length;
    for (let i = 0; i < Math.min(periods, buckets); i += 1) this.rotateBucket();
    this.#bucket = newest(super.window);
    this.#latencies = 0;
  }

  /** Snapshots are taken for as long as somebody listens to them. */
  #followListeners(): void {
    this.on('newListener', (event) => {
      if (event === 'snapshot') this.#stopSnapshots ??= this.#takeSnapshots();
    });
    this.on('removeListener', () => {
      if (this.listenerCount('snapshot') > 0) return;
      this.#stopSnapshots?.();
      this.#stopSnapshots = undefined;
    });
  }

  #takeSnapshots(): () => void {
    let cancel = () => {};
    const arm = () => {
      cancel = this.#clock.setTimer(take, this.#bucketMs, false);
    };
    const take = () => {
      arm();
      this.emit('snapshot', this.stats);
    };
    arm();
    return () => cancel();
  }
}

function newest(window: CircuitBreaker.Bucket[]): Bucket {
  return window[0] ?? { latencyTimes: [] };
}
