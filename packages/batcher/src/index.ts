export {
  type AddOptions,
  type Batcher,
  type CloseOptions,
  createBatcher,
} from './batcher.ts';
export type { Clock } from './clock.ts';
export {
  BatcherClosedError,
  type BatcherErrorCode,
  BatchTimeoutError,
  ItemTooLargeError,
  QueueFullError,
  ResultMissingError,
  ResultShapeError,
} from './errors.ts';
export type { BatchContext, BatcherOptions, BisectOptions, QueueOptions } from './options.ts';
export { type BatchResults, type SettledResults, settled } from './results.ts';
export type { BatcherStats } from './stats.ts';
