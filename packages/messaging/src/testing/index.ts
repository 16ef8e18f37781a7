export {
  type DriverCapabilities,
  driverContract,
  type Outage,
  type TestFunction,
} from './driver-contract.ts';
export { type ManualClock, manualClock } from './manual-clock.ts';
export { messagingContract } from './messaging-contract.ts';
