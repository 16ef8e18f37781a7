import { type MemoryDriver, memory, memoryBroker } from '@shopgpt/messaging/memory';
import { driverContract } from '@shopgpt/messaging/testing';
import { test } from 'vitest';

const broker = memoryBroker();
const drivers = new Set<MemoryDriver>();

driverContract(
  test,
  () => {
    const driver = memory({ broker });
    drivers.add(driver);
    return driver;
  },
  {
    compressions: ['gzip'],
    sessionTimeoutMs: 500,
    outage: { begin: () => broker.down(), end: () => broker.up() },
    crash: (driver) => {
      for (const one of drivers) if (one === driver) one.kill();
    },
  },
);
