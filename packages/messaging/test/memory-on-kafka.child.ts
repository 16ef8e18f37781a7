import { Kafka } from 'kafkajs';
import type { Driver } from '../src/index.ts';
import { kafkajs } from '../src/kafkajs/index.ts';

/** Stands for `memory` of `@shopgpt/messaging/memory`. */
export function memory(): Driver {
  const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
  return kafkajs(new Kafka({ clientId: 'example', brokers }));
}
