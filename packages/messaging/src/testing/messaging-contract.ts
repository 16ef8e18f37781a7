import type { Driver } from '../driver.ts';
import { awayContract, crashedContract, failureContract } from './contract/failures.ts';
import { House } from './contract/house.ts';
import { provisionedContract } from './contract/provisioned.ts';
import { type HouseContract, subscriptionContract } from './contract/subscriptions.ts';
import { World } from './contract/world.ts';
import type { DriverCapabilities, TestFunction } from './driver-contract.ts';

/**
 * What subscriptions promise over any driver that keeps `driverContract`, as tests: nothing is lost, no key
 * overtakes itself, what fails is retried or dead-lettered. Call it in a test file of yours. Each test makes
 * topics and groups of its own, with names that are used once.
 *
 * @param open gives a driver; called several times for each test, as if for so many processes; closed by the test
 * @param capabilities must be the truth
 */
export function messagingContract(
  test: TestFunction,
  open: () => Driver | Promise<Driver>,
  capabilities: DriverCapabilities = {},
): void {
  const { outage, crash } = capabilities;
  const contract: HouseContract = (title, run) =>
    void test(title, async () => {
      const world = new World(await open(), open, capabilities);
      const house = new House(world);
      try {
        await run(house, world);
      } finally {
        await outage?.end();
        await house.close();
        await world.close();
      }
    });

  subscriptionContract(contract);
  failureContract(contract);
  provisionedContract(contract);
  if (crash) crashedContract(contract, crash);
  if (outage) awayContract(contract, outage);
}
