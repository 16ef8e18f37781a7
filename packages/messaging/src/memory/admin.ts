import type { DriverAdmin, Position, TopicDescription, TopicSpec } from '../driver.ts';
import type { StoredRecord } from '../record.ts';
import type { Connection } from './connection.ts';

/** As many records as one `read` gives at most, and how many bytes of them. */
export const READ_RECORDS = 500;
export const READ_BYTES: number = 1024 * 1024;

/** Topics and offsets of the memory broker, over its network. */
export class MemoryAdmin implements DriverAdmin {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  describe(topics: readonly string[]): Promise<readonly (TopicDescription | undefined)[]> {
    return this.#ask(topics, (broker) => topics.map((topic) => broker.describe(topic)));
  }

  create(topic: TopicSpec): Promise<void> {
    return this.#ask([topic.name], (broker) => broker.create(topic));
  }

  raisePartitions(topic: string, partitions: number): Promise<void> {
    return this.#ask([topic], (broker) => broker.raisePartitions(topic, partitions));
  }

  offsets(topic: string, at: 'earliest' | 'latest' | number): Promise<readonly number[]> {
    return this.#ask([topic], (broker) =>
      broker.logsOf(topic).map((log) => {
        if (at === 'earliest') return log.start;
        return at === 'latest' ? log.end : log.offsetAt(at);
      }),
    );
  }

  committed(group: string, topic: string): Promise<readonly (number | undefined)[]> {
    return this.#ask([topic], (broker) =>
      broker
        .logsOf(topic)
        .map((_, partition) => broker.group(group).committed({ topic, partition })),
    );
  }

  setCommitted(group: string, offsets: readonly Position[]): Promise<void> {
    const topics = offsets.map(({ topic }) => topic);
    return this.#ask(topics, (broker) => broker.setCommitted(group, offsets));
  }

  read(from: Position): Promise<readonly StoredRecord[]> {
    return this.#ask([from.topic], (broker) =>
      broker.logOf(from).read(from.offset, READ_RECORDS, READ_BYTES),
    );
  }

  #ask<T>(
    topics: readonly string[],
    serve: (broker: Connection['broker']) => T,
  ): Promise<Awaited<T>> {
    const { broker } = this.#connection;
    return this.#connection.request({ api: 'admin', topics }, () => serve(broker));
  }
}
