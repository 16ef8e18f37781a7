import type { Kafka } from 'kafkajs';
import { checkKnown, checkMethods } from '../check.ts';
import { type Clock, systemClock } from '../clock.ts';
import type {
  Driver,
  DriverAdmin,
  DriverConsumer,
  DriverConsumerOptions,
  DriverProducer,
  DriverProducerOptions,
} from '../driver.ts';
import { KafkajsAdmin } from './admin.ts';
import { KafkajsConsumer } from './consumer.ts';
import { type Internals, internalsOf } from './internals.ts';
import { Network } from './network.ts';
import { KafkajsProducer } from './producer.ts';

/** How the driver works. */
export interface KafkajsOptions {
  /** Where the time comes from; the same as that of `createMessaging`. Default: the system's. */
  readonly clock?: Clock;
}

/**
 * The driver on kafkajs 2.2.4: its connections with TLS and SASL and its protocol, with a producer, a
 * consumer and an admin of our own. Of the settings of the `Kafka` given, those of its connections count
 * (`brokers`, `ssl`, `sasl`, `clientId`, `connectionTimeout`, `socketFactory`); `retry` and
 * `requestTimeout` do not. The caller owns the `Kafka`; its own producers and consumers are not touched.
 *
 * @throws TypeError when `kafka` is no `Kafka` of kafkajs, or for a bad option
 * @throws DriverError when another version of kafkajs is installed, or one of its names is missing
 */
export function kafkajs(kafka: Kafka, options: KafkajsOptions = {}): Driver {
  checkKnown('kafkajs', options, ['clock']);
  const { clock = systemClock } = options;
  checkMethods('clock', clock, ['now', 'wall', 'after']);
  return new KafkajsDriver(internalsOf(kafka), clock);
}

class KafkajsDriver implements Driver {
  readonly name = 'kafkajs';
  readonly admin: DriverAdmin;
  readonly #kit: Internals;
  readonly #clock: Clock;
  readonly #networks = new Set<Network>();
  readonly #producers = new Set<KafkajsProducer>();

  constructor(kit: Internals, clock: Clock) {
    this.#kit = kit;
    this.#clock = clock;
    this.admin = new KafkajsAdmin(this.#network(), clock, kit.errorOf);
  }

  producer(options: DriverProducerOptions): DriverProducer {
    const { errorOf } = this.#kit;
    const producer: KafkajsProducer = new KafkajsProducer(
      this.#network(() => this.#producers.delete(producer)),
      this.#clock,
      options,
      errorOf,
    );
    this.#producers.add(producer);
    return producer;
  }

  consumer(options: DriverConsumerOptions): DriverConsumer {
    return new KafkajsConsumer(this.#network(), this.#clock, options, this.#kit.errorOf);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#producers].map((producer) => producer.close()));
    for (const network of this.#networks) network.close();
  }

  /** Each has connections of its own: a broker serves those of one connection one after the other. */
  #network(closed = nothing): Network {
    const network = new Network(this.#kit, this.#clock, () => {
      this.#networks.delete(network);
      closed();
    });
    this.#networks.add(network);
    return network;
  }
}

function nothing(): void {}
