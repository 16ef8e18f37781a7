export { type MemoryBroker, type MemoryBrokerStats, memoryBroker } from './broker.ts';
export { type MemoryDriver, type MemoryOptions, memory } from './driver.ts';
export type { EndFault, FaultFilter, MemoryApi, MemoryRequest } from './fault.ts';
export type { MemoryBrokerOptions } from './options.ts';
export type { Retention } from './partition-log.ts';
