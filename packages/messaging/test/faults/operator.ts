import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';

type Admin = ReturnType<Kafka['admin']>;

/** What somebody does to a cluster behind the back of its clients. */
export class Operator {
  readonly #kafka: Kafka;

  constructor(url: string) {
    this.#kafka = new Kafka({ brokers: url.split(','), logLevel: logLevel.NOTHING });
  }

  async remove(topic: string): Promise<void> {
    await this.#with((admin) => admin.deleteTopics({ topics: [topic] }));
  }

  async configure(topic: string, name: string, value: string): Promise<void> {
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
    const resources = [{ ...resource, configEntries: [{ name, value }] }];
    await this.#with((admin) => admin.alterConfigs({ validateOnly: false, resources }));
  }

  /** E.g. `PreparingRebalance`. */
  async stateOf(group: string): Promise<string | undefined> {
    return this.#with(async (admin) => (await admin.describeGroups([group])).groups[0]?.state);
  }

  async #with<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = this.#kafka.admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }
}
