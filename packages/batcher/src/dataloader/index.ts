export { DataLoader } from './dataloader.ts';
export type { BatchLoadFn, CacheMap, DataLoaderOptions } from './options.ts';
