import { type MemoryDriver, memory, memoryBroker } from '@shopgpt/messaging/memory';
import { messagingContract } from '@shopgpt/messaging/testing';
import { test } from 'vitest';

const broker = memoryBroker();
const drivers = new Set<MemoryDriver>();

messagingContract(
  test,
  () => {
    const driver = memory({ broker });
    drivers.add(driver);
    return driver;
  },
  {
    sessionTimeoutMs: 500,
    outage: { begin: () => broker.down(), end: () => broker.up() },
    crash: (driver) => {
      for (const one of drivers) if (one === driver) one.kill();
    },
  },
);
