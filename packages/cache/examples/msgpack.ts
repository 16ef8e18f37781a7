import { isDeepStrictEqual } from 'node:util';
import { type Codec, createCache, memoryTier, NotCacheableError } from '@shopgpt/cache';
import { Packr } from 'msgpackr';

/** Carries Date, Map, Set, bigint and bytes too. What would come back changed is refused. */
function msgpack(): Codec {
  // Without shared structures: every value must be readable by itself, in every process.
  const packr = new Packr({ structuredClone: true, moreTypes: true });
  return {
    encode(value) {
      const bytes = packr.pack(value);
      if (isDeepStrictEqual(packr.unpack(bytes), value)) return bytes;
      throw new NotCacheableError('value', 'something that msgpack changes');
    },
    decode: (bytes) => packr.unpack(bytes),
  };
}

interface Order {
  readonly placedAt: Date;
  readonly lines: ReadonlyMap<string, number>;
}

const l2 = memoryTier();
const options = { name: 'order', ttlMs: 60_000, l2, codec: msgpack() };
const here = createCache<Order>(options);
const there = createCache<Order>(options);

await here.set('o1', { placedAt: new Date(0), lines: new Map([['lamp', 2]]) });
const order = await there.get('o1');
console.log(order?.placedAt.toISOString(), order?.lines.get('lamp'));

await Promise.all([here.close(), there.close()]);
