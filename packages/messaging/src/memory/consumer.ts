import { randomUUID } from 'node:crypto';
import type {
  Assignment,
  ConsumerListener,
  DriverConsumer,
  DriverConsumerOptions,
  Position,
} from '../driver.ts';
import { DriverError } from '../errors.ts';
import type { TopicPartition } from '../record.ts';
import { READ_BYTES, READ_RECORDS } from './admin.ts';
import type { Broker } from './broker.ts';
import type { Connection } from './connection.ts';
import type { MemoryApi } from './fault.ts';
import { aborted, sleep } from './sleep.ts';
import { Tenure } from './tenure.ts';

/** How long the broker holds a fetch back for which there is nothing, in ms. */
const FETCH_HOLD_MS = 5_000;
const RETRY_MS = 100;

/** What a fetch gives of one partition. */
interface Fetched {
  /** As it was asked for. */
  readonly position: Position;
  readonly records: ReturnType<ReturnType<Broker['logOf']>['read']>;
  readonly end: number;
  /** Where to go on, when there is no such place as the position. */
  readonly resetTo: number | undefined;
}

/** A member of a group of the memory broker. */
export class MemoryConsumer implements DriverConsumer {
  readonly #connection: Connection;
  readonly #broker: Broker;
  readonly #options: DriverConsumerOptions;
  readonly #stopping = new AbortController();
  readonly #stopped = Promise.withResolvers<void>();
  #id = `member-${randomUUID()}`;
  #tenure: Tenure | undefined;
  #isRunning = false;

  constructor(connection: Connection, options: DriverConsumerOptions) {
    this.#connection = connection;
    this.#broker = connection.broker;
    this.#options = options;
  }

  async run(listener: ConsumerListener): Promise<void> {
    this.#isRunning = true;
    try {
      while (!this.#stopping.signal.aborted) await this.#serve(listener);
    } catch (error) {
      // A stop hangs up while it joins: that is no failure.
      if (!this.#stopping.signal.aborted) throw error;
    } finally {
      await this.#leave();
      this.#stopped.resolve();
    }
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#tenure?.pause(partitions);
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#tenure?.resume(partitions);
  }

  seek({ topic, partition }: TopicPartition, offset: number): void {
    this.#tenure?.seek({ topic, partition, offset });
  }

  commit(epoch: number, offsets: readonly Position[]): Promise<void> {
    const { group } = this.#options;
    return this.#ask('commit', () => {
      for (const position of offsets) this.#broker.logOf(position);
      this.#broker.group(group).commit(this.#id, epoch, offsets);
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#tenure?.finish({ kind: 'stop' });
    if (this.#isRunning) await this.#stopped.promise;
  }

  /** One generation: joins, reads, and gives up what it was given. */
  async #serve(listener: ConsumerListener): Promise<void> {
    const tenure = await this.#join();
    this.#tenure = tenure;
    const beating = this.#beat(tenure, listener);
    try {
      listener.assigned(tenure.assignment);
      if (this.#stopping.signal.aborted) tenure.finish({ kind: 'stop' });
      const reading = this.#read(tenure, listener);
      const end = await tenure.end;
      await reading;
      const error = end.kind === 'lost' ? end.error : await this.#revoke(tenure, listener, beating);
      if (error) this.#lose(tenure.assignment, listener, error);
    } finally {
      tenure.close();
      this.#tenure = undefined;
      await beating;
    }
  }

  /** @throws the error, unless joining again will do */
  #lose(assignment: Assignment, listener: ConsumerListener, error: Error): void {
    listener.lost(assignment);
    if (!(error instanceof DriverError && error.isStale)) throw error;
    listener.trouble(error);
    this.#id = `member-${randomUUID()}`;
  }

  async #join(): Promise<Tenure> {
    const { group: name, topics, rebalanceTimeoutMs } = this.#options;
    const group = this.#broker.group(name);
    await this.#ask('join', () => {
      for (const topic of topics) this.#broker.partitionsOf(topic);
    });
    const { signal } = this.#stopping;
    const assignment = await this.#ask(
      'join',
      () => group.join({ ...this.#options, id: this.#id }),
      { holdMs: rebalanceTimeoutMs, signal },
    );
    const positions = await this.#ask(
      'positions',
      () => assignment.partitions.map((partition) => this.#firstPosition(partition)),
      { signal },
    );
    return new Tenure(assignment, positions);
  }

  #firstPosition(partition: TopicPartition): Position {
    const offset = this.#broker.group(this.#options.group).committed(partition);
    return { ...partition, offset: offset ?? this.#resetOffset(partition) };
  }

  #resetOffset(partition: TopicPartition): number {
    const log = this.#broker.logOf(partition);
    return this.#options.from === 'earliest' ? log.start : log.end;
  }

  /** @returns why the partitions are lost, when they are while they are being given up */
  async #revoke(
    tenure: Tenure,
    listener: ConsumerListener,
    beating: Promise<Error | undefined>,
  ): Promise<Error | undefined> {
    const over = new AbortController();
    const { rebalanceTimeoutMs } = this.#options;
    const late = sleep(this.#broker.clock, rebalanceTimeoutMs, over.signal).then(() => {
      const why = `it took longer than ${rebalanceTimeoutMs} ms to give up its partitions`;
      return new DriverError(why, { isRetriable: true, isStale: true });
    });
    const given = listener.revoking(tenure.assignment).then(
      () => undefined,
      () => undefined,
    );
    return Promise.race([given, late, beating]).finally(() => over.abort());
  }

  /** Says that the member lives, until the tenure is over. Returns why that is before its time. */
  async #beat(tenure: Tenure, listener: ConsumerListener): Promise<Error | undefined> {
    const { clock } = this.#broker;
    const { group, sessionTimeoutMs } = this.#options;
    const holdMs = sessionTimeoutMs / 3;
    let heardMs = clock.now();
    while (!tenure.over.aborted) {
      try {
        const isRebalancing = await this.#ask(
          'heartbeat',
          () => this.#broker.group(group).heartbeat(this.#id, tenure.assignment.epoch, holdMs),
          { holdMs, signal: tenure.over },
        );
        heardMs = clock.now();
        if (!isRebalancing) continue;
        tenure.finish({ kind: 'rebalance' });
        await sleep(clock, holdMs, tenure.over);
      } catch (error) {
        if (tenure.over.aborted) break;
        if (!isRetriable(error) || clock.now() - heardMs >= sessionTimeoutMs) {
          tenure.finish({ kind: 'lost', error: asError(error) });
          return asError(error);
        }
        listener.trouble(asError(error));
        await sleep(clock, RETRY_MS, tenure.over);
      }
    }
    return undefined;
  }

  /** Gives records to the listener, until the tenure ends. */
  async #read(tenure: Tenure, listener: ConsumerListener): Promise<void> {
    while (!tenure.isEnding) {
      const wanted = tenure.wanted();
      try {
        if (wanted.length === 0) await aborted(tenure.changed);
        else
          for (const fetched of await this.#fetch(wanted, tenure))
            this.#give(fetched, tenure, listener);
      } catch (error) {
        if (tenure.changed.aborted) continue;
        if (!isRetriable(error)) return tenure.finish({ kind: 'lost', error: asError(error) });
        listener.trouble(asError(error));
        await sleep(this.#broker.clock, RETRY_MS, tenure.changed);
      }
    }
  }

  #give(fetched: Fetched, tenure: Tenure, listener: ConsumerListener): void {
    const { position, records, end, resetTo } = fetched;
    const { topic, partition } = position;
    if (!tenure.isAt(position)) return;
    const last = records.at(-1);
    tenure.moveTo({
      topic,
      partition,
      offset: resetTo ?? (last ? last.offset + 1 : position.offset),
    });
    if (last) listener.records({ topic, partition }, records, end);
  }

  /** What there is of any of the partitions; waits when there is nothing. */
  #fetch(wanted: readonly Position[], tenure: Tenure): Promise<readonly Fetched[]> {
    const signal = tenure.changed;
    return this.#ask(
      'fetch',
      async () => {
        const fetched = this.#available(wanted);
        if (fetched.length > 0) return fetched;
        await this.#appended(wanted, signal);
        return this.#available(wanted);
      },
      { holdMs: FETCH_HOLD_MS, signal },
    );
  }

  #available(wanted: readonly Position[]): readonly Fetched[] {
    return wanted.flatMap((position): Fetched[] => {
      const log = this.#broker.logOf(position);
      const { end } = log;
      if (position.offset < log.start || position.offset > end) {
        return [{ position, records: [], end, resetTo: this.#resetOffset(position) }];
      }
      const records = log.read(position.offset, READ_RECORDS, READ_BYTES);
      return records.length === 0 ? [] : [{ position, records, end, resetTo: undefined }];
    });
  }

  async #appended(wanted: readonly Position[], signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const ends = wanted.map((position) =>
      this.#broker.logOf(position).onAppend(() => woken.abort()),
    );
    await sleep(this.#broker.clock, FETCH_HOLD_MS, AbortSignal.any([signal, woken.signal]));
    for (const end of ends) end();
  }

  async #leave(): Promise<void> {
    const left = this.#ask('leave', () => this.#broker.group(this.#options.group).remove(this.#id));
    // A group that does not hear it notices by the session.
    await left.catch(() => undefined);
  }

  #ask<T>(
    api: MemoryApi,
    serve: () => T | Promise<T>,
    options: { holdMs?: number; signal?: AbortSignal } = {},
  ): Promise<Awaited<T>> {
    const { group, topics } = this.#options;
    return this.#connection.request({ api, topics, group }, serve, options);
  }
}

function isRetriable(error: unknown): boolean {
  return error instanceof DriverError && error.isRetriable;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
