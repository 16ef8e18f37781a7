import type { Compression, Driver } from '../driver.ts';
import { adminContract } from './contract/admin.ts';
import { consumerContract, crashContract } from './contract/consumer.ts';
import { groupContract } from './contract/group.ts';
import { compressionContract, outageContract, producerContract } from './contract/producer.ts';
import { World } from './contract/world.ts';

/** The `test` of vitest, jest or node:test. */
export type TestFunction = (title: string, run: () => Promise<void>) => unknown;

/** What a driver and the cluster behind it can do beyond what every one must. */
export interface DriverCapabilities {
  /** The codecs it has. Default: none but `none`. */
  readonly compressions?: readonly Compression[];
  /** The shortest session that the cluster allows, in ms. Default 6,000, which is Kafka's own. */
  readonly sessionTimeoutMs?: number;
  /** Takes the cluster away from its clients and back. Default: cannot be done. */
  readonly outage?: Outage;
  /** Ends a driver as SIGKILL ends a process: no member leaves its group. Default: cannot be done. */
  readonly crash?: (driver: Driver) => void | Promise<void>;
}

/** Takes the cluster away and back. */
export interface Outage {
  begin(): void | Promise<void>;
  end(): void | Promise<void>;
}

/** Registers one test of the contract. */
export type Contract = (
  title: string,
  run: (world: World, outage: Outage) => Promise<void>,
) => void;

/**
 * What every driver must do, as tests: call it in a test file of yours. Each test makes topics and groups of
 * its own, with names that are used once.
 *
 * @param open gives a driver; called once or more for each test, as if for so many processes; closed by the test
 * @param capabilities must be the truth
 */
export function driverContract(
  test: TestFunction,
  open: () => Driver | Promise<Driver>,
  capabilities: DriverCapabilities = {},
): void {
  const { outage, crash, compressions = [] } = capabilities;
  const contract: Contract = (title, run) =>
    void test(title, async () => {
      const world = new World(await open(), open, capabilities);
      try {
        await run(world, outage ?? { begin: () => undefined, end: () => undefined });
      } finally {
        await outage?.end();
        await world.close();
      }
    });

  producerContract(contract);
  compressionContract(contract, compressions);
  if (outage) outageContract(contract);
  consumerContract(contract);
  groupContract(contract);
  if (crash) crashContract(contract, crash);
  adminContract(contract);
}
