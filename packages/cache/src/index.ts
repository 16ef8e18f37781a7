export type { OnBusLoss } from './bus.ts';
export type {
  Cache,
  CacheEntry,
  CacheStats,
  LoadOptions,
  ManyOptions,
  SetOptions,
  WaitOptions,
  WriteResult,
} from './cache.ts';
export type { Clock } from './clock.ts';
export { type Codec, json } from './codec.ts';
export { type CompressedOptions, compressed } from './compressed.ts';
export { encrypted, type Keyring } from './encrypted.ts';
export type { Source } from './entry.ts';
export {
  CacheClosedError,
  CacheError,
  type CacheErrorCode,
  CacheKeysError,
  DeleteQueueFullError,
  LoadTimeoutError,
  NotCacheableError,
  TierTimeoutError,
  TooManyLoadsError,
} from './errors.ts';
export type { L2Stats } from './l2.ts';
export { createCache } from './layered-cache.ts';
export type { LoadContext, Loader } from './load.ts';
export type { LoadManyContext, ManyLoader } from './many.ts';
export { type MemoryTierOptions, memoryTier } from './memory-tier.ts';
export type { CacheOptions } from './options.ts';
export type { PurgeHook, PurgeStats } from './purges.ts';
export type { BusListener, LeaseEnd, Tier, TierBus, TierLeases } from './tier.ts';
