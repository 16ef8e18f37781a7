import { startKafka } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Kafka } from 'kafkajs';
import { describe, test } from 'vitest';
import { kafkajs } from '../src/kafkajs/index.ts';
import { driverContract } from '../src/testing/index.ts';

describe('the kafkajs driver', () => {
  const server = useServer(startKafka);

  // Without an outage: `kafkajs.chaos.test.ts` takes brokers away in more ways, and counts.
  driverContract(test, () => kafkajs(new Kafka({ brokers: [server().url] })), {
    compressions: ['gzip', 'snappy', 'lz4', 'zstd'],
    sessionTimeoutMs: 1_000,
    crash: (driver) => driver.close(),
  });
});
