import { startKafka } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Kafka } from 'kafkajs';
import { describe, test } from 'vitest';
import { kafkajs } from '../src/kafkajs/index.ts';
import { messagingContract } from '../src/testing/index.ts';

describe('subscriptions over the kafkajs driver', () => {
  const server = useServer(startKafka);

  messagingContract(test, () => kafkajs(new Kafka({ brokers: [server().url] })), {
    sessionTimeoutMs: 1_000,
    crash: (driver) => driver.close(),
  });
});
