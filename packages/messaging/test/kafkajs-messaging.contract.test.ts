import { startKafka } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Kafka } from 'kafkajs';
import { describe, test } from 'vitest';
import { kafkajs } from '../src/kafkajs/index.ts';
import { messagingContract } from '../src/testing/index.ts';

describe('subscriptions over the kafkajs driver', () => {
  // Its own: it is killed.
  const server = useServer(startKafka, { own: true });
  let isAway = false;

  messagingContract(test, () => kafkajs(new Kafka({ brokers: [server().url] })), {
    sessionTimeoutMs: 1_000,
    crash: (driver) => driver.close(),
    outage: {
      async begin() {
        isAway = true;
        await server().kill();
      },
      async end() {
        if (isAway) await server().restart();
        isAway = false;
      },
    },
  });
});
