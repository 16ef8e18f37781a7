import { kafkajs } from '@shopgpt/messaging/kafkajs';
import { Kafka, logLevel } from 'kafkajs';
import type { UserEvent } from '../../src/users/events.ts';

const topic = 'user-events';

/** All that is in the topic, partition by partition: what is there twice is here twice. */
export async function eventsInKafka(brokers: string): Promise<UserEvent[]> {
  const kafka = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING });
  const driver = kafkajs(kafka);
  try {
    const ends = await driver.admin.offsets(topic, 'latest');
    const logs = await Promise.all(
      ends.map(async (end, partition) => {
        const found: UserEvent[] = [];
        for (let offset = 0; offset < end; ) {
          const records = await driver.admin.read({ topic, partition, offset });
          for (const { key, value } of records) {
            const event: UserEvent = JSON.parse(Buffer.from(value ?? '').toString());
            if (Buffer.from(key ?? '').toString() !== event.userId) throw new Error('another key');
            found.push(event);
          }
          offset = (records.at(-1)?.offset ?? end) + 1;
        }
        return found;
      }),
    );
    return logs.flat();
  } finally {
    await driver.close();
  }
}
