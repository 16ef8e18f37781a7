import { registerHooks } from 'node:module';
import { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';

/** Another library as a cache of two levels: memory in front of a Redis. */
export interface PeerCache {
  getOrSet(key: string, load: () => Promise<unknown>): Promise<unknown>;
  close(): unknown;
}

export interface PeerOptions {
  readonly redisUrl: string;
  readonly ttlMs: number;
  readonly maxEntries: number;
}

type OpenPeer = (options: PeerOptions) => Promise<PeerCache>;

// bentocache asks for "ioredis", which npm installs for this workspace only.
registerHooks({
  resolve(specifier, context, next) {
    const parentURL = specifier === 'ioredis' ? import.meta.url : context.parentURL;
    return next(specifier, { ...context, parentURL });
  },
});

/** Each with its default settings, as its README shows it. */
export const peers: Readonly<Record<string, OpenPeer>> = {
  'written by hand': openNaive,
  'layered-loader': openLayeredLoader,
  bentocache: openBentocache,
  'cache-manager': openCacheManager,
  cacheable: openCacheable,
  'node-redis client-side cache': openNodeRedis,
};

/** What people write who use no library. */
async function openNaive({ redisUrl, ttlMs, maxEntries }: PeerOptions): Promise<PeerCache> {
  const memory = new LRUCache<string, object>({ max: maxEntries, ttl: ttlMs });
  const redis = connect(redisUrl);
  return {
    async getOrSet(key, load) {
      const hit = memory.get(key);
      if (hit !== undefined) return hit;
      const text = await redis.get(`naive:${key}`);
      const value = text === null ? await load() : JSON.parse(text);
      memory.set(key, value);
      if (text === null) await redis.set(`naive:${key}`, JSON.stringify(value), 'PX', ttlMs);
      return value;
    },
    close: () => redis.disconnect(),
  };
}

async function openLayeredLoader({ redisUrl, ttlMs, maxEntries }: PeerOptions): Promise<PeerCache> {
  const { Loader, RedisCache } = await import('layered-loader');
  const redis = connect(redisUrl);
  let loadNow: () => Promise<unknown> = async () => undefined;
  const loader = new Loader<unknown>({
    inMemoryCache: { cacheType: 'lru-map', ttlInMsecs: ttlMs, maxItems: maxEntries },
    asyncCache: new RedisCache<unknown>(redis, { json: true, ttlInMsecs: ttlMs, prefix: 'll' }),
    dataSourceGetOneFn: () => loadNow(),
    logger: { error: () => undefined },
  });
  await loader.init();
  return {
    getOrSet(key, load) {
      loadNow = load;
      return loader.get(key);
    },
    close: () => redis.disconnect(),
  };
}

async function openBentocache({ redisUrl, ttlMs, maxEntries }: PeerOptions): Promise<PeerCache> {
  const { BentoCache, bentostore } = await import('bentocache');
  const { memoryDriver } = await import('bentocache/drivers/memory');
  const { redisDriver } = await import('bentocache/drivers/redis');
  const { hostname: host, port } = new URL(redisUrl);
  const store = bentostore()
    .useL1Layer(memoryDriver({ maxItems: maxEntries }))
    .useL2Layer(redisDriver({ connection: { host, port: Number(port) } }));
  const cache = new BentoCache({ default: 'main', ttl: ttlMs, stores: { main: store } });
  return {
    getOrSet: (key, load) => cache.getOrSet({ key, factory: load }),
    close: () => cache.disconnectAll(),
  };
}

async function openCacheManager({ redisUrl, ttlMs, maxEntries }: PeerOptions): Promise<PeerCache> {
  const { createCache } = await import('cache-manager');
  const { Keyv } = await import('keyv');
  const { KeyvCacheableMemory } = await import('cacheable');
  const { default: KeyvRedis } = await import('@keyv/redis');
  const memory = new Keyv({ store: new KeyvCacheableMemory({ ttl: ttlMs, lruSize: maxEntries }) });
  const redis = new Keyv({ store: new KeyvRedis(redisUrl) });
  redis.on('error', () => undefined);
  const cache = createCache({ stores: [memory, redis], ttl: ttlMs });
  return {
    getOrSet: (key, load) => cache.wrap(key, load),
    close: () => cache.disconnect(),
  };
}

async function openCacheable({ redisUrl, ttlMs, maxEntries }: PeerOptions): Promise<PeerCache> {
  const { Cacheable, KeyvCacheableMemory } = await import('cacheable');
  const { Keyv } = await import('keyv');
  const { default: KeyvRedis } = await import('@keyv/redis');
  const primary = new Keyv({ store: new KeyvCacheableMemory({ ttl: ttlMs, lruSize: maxEntries }) });
  const cache = new Cacheable({ primary, secondary: new KeyvRedis(redisUrl), ttl: ttlMs });
  cache.on('error', () => undefined);
  return {
    getOrSet: (key, load) => cache.getOrSet(key, load),
    close: () => cache.disconnect(),
  };
}

async function openNodeRedis({ redisUrl, ttlMs }: PeerOptions): Promise<PeerCache> {
  const { createClient } = await import('redis');
  const clientSideCache = { ttl: 0, maxEntries: 0, evictPolicy: 'LRU' } as const;
  const client = createClient({ RESP: 3, url: redisUrl, clientSideCache });
  client.on('error', () => undefined);
  await client.connect();
  return {
    async getOrSet(key, load) {
      const text = await client.get(`csc:${key}`);
      if (text !== null) return JSON.parse(text);
      const value = await load();
      await client.set(`csc:${key}`, JSON.stringify(value), { PX: ttlMs });
      return value;
    },
    close: () => client.destroy(),
  };
}

function connect(redisUrl: string): Redis {
  const redis = new Redis(redisUrl);
  redis.on('error', () => undefined);
  return redis;
}
