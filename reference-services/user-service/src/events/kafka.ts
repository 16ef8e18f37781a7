import type { Driver } from '@shopgpt/messaging';
import { kafkajs } from '@shopgpt/messaging/kafkajs';
import { Kafka, logLevel } from 'kafkajs';

/**
 * The way to a cluster: connects when it is needed, and again by itself. `ssl` and `sasl` of kafkajs belong here.
 *
 * @param brokers each `host:port`; one that answers is enough to find the others
 */
export function kafkaDriver(brokers: readonly string[]): Driver {
  // Its own log would tell of every attempt; the service tells of every outage, once.
  const kafka = new Kafka({
    clientId: 'user-service',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
  });
  return kafkajs(kafka);
}
