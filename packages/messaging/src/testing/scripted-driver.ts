import type {
  ConsumerListener,
  Driver,
  DriverAdmin,
  DriverConsumer,
  DriverConsumerOptions,
  Position,
} from '../driver.ts';
import { DriverError } from '../errors.ts';
import type { RawHeader, RawRecord, StoredRecord, TopicPartition } from '../record.ts';

/** A consumer that does what the test says, and remembers what it was told. */
export class ScriptedConsumer implements DriverConsumer {
  readonly options: DriverConsumerOptions;
  readonly paused: Set<string> = new Set();
  readonly sought: Position[] = [];
  /** Each commit that was acknowledged. */
  readonly commits: { readonly epoch: number; readonly offsets: readonly Position[] }[] = [];
  /** What commits do; default: succeed. */
  onCommit: () => Promise<void> = async () => undefined;
  held: TopicPartition[] = [];
  epoch = 0;
  readonly #ended = Promise.withResolvers<void>();
  #listener: ConsumerListener | undefined;

  constructor(options: DriverConsumerOptions) {
    this.options = options;
  }

  get isRunning(): boolean {
    return this.#listener !== undefined;
  }

  run(listener: ConsumerListener): Promise<void> {
    this.#listener = listener;
    return this.#ended.promise;
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) this.paused.add(idOf(at));
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) this.paused.delete(idOf(at));
  }

  seek({ topic, partition }: TopicPartition, offset: number): void {
    this.sought.push({ topic, partition, offset });
  }

  async commit(epoch: number, offsets: readonly Position[]): Promise<void> {
    await this.onCommit();
    if (epoch !== this.epoch) throw staleError();
    this.commits.push({ epoch, offsets });
  }

  async stop(): Promise<void> {
    await this.revoke();
    this.#ended.resolve();
  }

  assign(...partitions: TopicPartition[]): void {
    this.epoch += 1;
    this.held = partitions;
    this.paused.clear();
    this.#listener?.assigned({ epoch: this.epoch, partitions });
  }

  async revoke(): Promise<void> {
    await this.#listener?.revoking({ epoch: this.epoch, partitions: this.held });
    this.held = [];
  }

  lose(): void {
    this.#listener?.lost({ epoch: this.epoch, partitions: this.held });
    this.held = [];
    this.epoch += 1;
  }

  crash(error: Error): void {
    this.lose();
    this.#ended.reject(error);
  }

  deliver(at: TopicPartition, records: readonly StoredRecord[], end?: number): void {
    const last = records.at(-1)?.offset ?? -1;
    this.#listener?.records(at, records, end ?? last + 1);
  }

  trouble(error: Error): void {
    this.#listener?.trouble(error);
  }

  /** What the group would read next. */
  committed(at: TopicPartition): number | undefined {
    const offsets = this.commits.flatMap((commit) => commit.offsets);
    return offsets.findLast((one) => idOf(one) === idOf(at))?.offset;
  }
}

/** A driver whose consumers are scripted. */
export class ScriptedDriver implements Driver {
  readonly name = 'scripted';
  readonly consumers: ScriptedConsumer[] = [];
  readonly admin: DriverAdmin = scriptedAdmin();

  /** The one that was made last. */
  get current(): ScriptedConsumer {
    const last = this.consumers.at(-1);
    if (!last) throw new Error('no consumer was made yet');
    return last;
  }

  consumer(options: DriverConsumerOptions): DriverConsumer {
    const consumer = new ScriptedConsumer(options);
    this.consumers.push(consumer);
    return consumer;
  }

  producer(): never {
    throw new Error('a scripted driver has no producer');
  }

  async close(): Promise<void> {}
}

/** A producer that keeps what it is given, or fails as long as it is told to. */
export class ScriptedWriter {
  readonly written: { readonly topic: string; readonly record: RawRecord }[] = [];
  error: Error | undefined;

  async write(topic: string, record: RawRecord): Promise<void> {
    if (this.error) throw this.error;
    this.written.push({ topic, record });
  }
}

/** A record with a text, or `undefined` for none, as key. */
export function textRecord(
  offset: number,
  key: string | undefined,
  value: string,
  headers: readonly RawHeader[] = [],
): StoredRecord {
  const bytes = key === undefined ? null : Buffer.from(key);
  return { offset, key: bytes, value: Buffer.from(value), headers, timestamp: 1_000 + offset };
}

export function staleError(): DriverError {
  return new DriverError('the group has gone on', { isRetriable: false, isStale: true });
}

function scriptedAdmin(): DriverAdmin {
  const nothing = async () => undefined;
  return {
    describe: async (topics) => topics.map(() => undefined),
    create: nothing,
    raisePartitions: nothing,
    offsets: async () => [],
    committed: async () => [],
    setCommitted: nothing,
    read: async () => [],
  };
}

function idOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
