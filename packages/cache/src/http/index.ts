export { type Directives, formatCacheControl, parseCacheControl } from './cache-control.ts';
export { type CacheHeaderOptions, cacheHeaders, type EntryFacts } from './cache-headers.ts';
export { type CachedHandler, type CachedOptions, cached } from './cached.ts';
export { formatEtag, isNotModified, parseIfNoneMatch } from './etag.ts';
export type { HeaderSource } from './fields.ts';
export { type SendOptions, type SentEntry, sendEntry } from './send-entry.ts';
export { headerTag } from './tags.ts';
export { type UpstreamLife, type UpstreamOptions, upstreamLife, wantsReload } from './upstream.ts';
