export { type FaultyTier, faultyTier } from './faulty-tier.ts';
export { type ManualClock, manualClock } from './manual-clock.ts';
export { type TestFunction, type TierCapabilities, tierContract } from './tier-contract.ts';
