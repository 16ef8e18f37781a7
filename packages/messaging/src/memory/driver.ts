import { checkKnown, show } from '../check.ts';
import type {
  Driver,
  DriverConsumer,
  DriverConsumerOptions,
  DriverProducer,
  DriverProducerOptions,
} from '../driver.ts';
import { MemoryAdmin } from './admin.ts';
import { Broker, type MemoryBroker, memoryBroker } from './broker.ts';
import { Connection } from './connection.ts';
import { MemoryConsumer } from './consumer.ts';
import { MemoryProducer } from './producer.ts';

/** What `memory` takes. */
export interface MemoryOptions {
  /** The broker that this driver shares with others of this process. Default: one of its own. */
  readonly broker?: MemoryBroker;
}

/** A driver whose broker is in this process. */
export interface MemoryDriver extends Driver {
  readonly broker: MemoryBroker;
  /**
   * As SIGKILL would end a process that uses this driver: nothing is asked, answered or heard any more, no
   * member leaves its group. Promises that wait for the driver stay unsettled.
   */
  kill(): void;
}

/**
 * A driver for tests and for trying things out, whose broker is in this process.
 *
 * @throws TypeError for an unknown option, and for a broker that does not come from `memoryBroker`
 */
export function memory(options: MemoryOptions = {}): MemoryDriver {
  checkKnown('memory', options, ['broker']);
  const { broker = memoryBroker() } = options;
  if (!(broker instanceof Broker)) {
    throw new TypeError(`broker must come from memoryBroker(), got ${show(broker)}`);
  }
  const connection = new Connection(broker);
  return {
    name: 'memory',
    broker,
    admin: new MemoryAdmin(connection),
    producer: (options: DriverProducerOptions): DriverProducer =>
      new MemoryProducer(connection, options),
    consumer: (options: DriverConsumerOptions): DriverConsumer =>
      new MemoryConsumer(connection, options),
    close: async () => connection.close(),
    kill: () => connection.kill(),
  };
}
