import { redisTier } from '@shopgpt/cache/redis';
import { tierContract } from '@shopgpt/cache/testing';
import { startRedis, startValkey } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

describe.each([
  ['Redis', startRedis],
  ['Valkey', startValkey],
])('on %s', (_name, start) => {
  const server = useServer(start);
  let client: Redis;
  let subscriber: Redis;

  beforeAll(async () => {
    client = new Redis(server().url, { lazyConnect: true });
    await client.connect();
    subscriber = client.duplicate();
  });
  afterAll(() => {
    client.disconnect();
    subscriber.disconnect();
  });

  tierContract(test, () => redisTier({ client, subscriber, timeoutMs: 1000 }), {
    leases: true,
    patch: true,
    bus: true,
  });

  describe('with tracking', () => {
    let tracked: Redis;
    let ears: Redis;

    beforeAll(() => {
      tracked = client.duplicate();
      ears = client.duplicate({ protocol: 2 });
    });
    afterAll(() => {
      tracked.disconnect();
      ears.disconnect();
    });

    tierContract(
      test,
      () => redisTier({ client: tracked, subscriber: ears, timeoutMs: 1000, tracking: true }),
      { leases: true, patch: true, bus: true, deleteFromOutside: (key) => client.del(key) },
    );
  });

  describe('with automatic pipelines', () => {
    let piped: Redis;

    beforeAll(() => {
      piped = client.duplicate({ enableAutoPipelining: true });
    });
    afterAll(() => piped.disconnect());

    tierContract(test, () => redisTier({ client: piped, timeoutMs: 1000 }), {
      leases: true,
      patch: true,
    });
  });

  test('nothing comes between the end of a lease and the write that ends it', async () => {
    const ears = client.duplicate({ protocol: 2 });
    const tracked = client.duplicate();
    const tiers = [
      redisTier({ client }),
      redisTier({ client: tracked, subscriber: ears, tracking: true }),
    ];
    const monitor = await client.monitor();
    const seen: string[] = [];
    monitor.on('monitor', (_time, [command = '', ...args]: string[], source: string) => {
      const isOurs = args.some((arg) => arg.includes('{watched}')) || /multi|exec/.test(command);
      if (isOurs && !/^eval/i.test(command))
        seen.push(`${source === 'lua' ? 'lua ' : ''}${command}`);
    });
    for (const tier of tiers) await tier.write('contract:{watched}', Buffer.of(1), 60_000);
    await vi.waitFor(() => expect(seen.length).toBe(6));
    expect(seen.slice(0, 2)).toEqual(['lua UNLINK', 'lua SET']);
    expect(seen.slice(2).sort()).toEqual(['exec', 'multi', 'set', 'unlink']);
    monitor.disconnect();
    ears.disconnect();
    tracked.disconnect();
  });

  test('a key that holds something else than a string has no value', async () => {
    await client.hset('contract:{hash}', 'field', 'value');
    expect(await redisTier({ client }).read(['contract:{hash}'])).toEqual([undefined]);
  });

  test('listens once for errors of a client, however many caches share it', () => {
    const shared = new Redis({ lazyConnect: true });
    for (let i = 0; i < 20; i += 1) redisTier({ client: shared });
    expect(shared.listenerCount('error')).toBe(1);
  });

  test('is not ready while the client has no connection', async () => {
    const away = new Redis(1, '127.0.0.1');
    expect(redisTier({ client: away }).isReady()).toBe(false);
    away.disconnect();
  });

  test('makes a client connect that waits for its first command', async () => {
    const lazy = new Redis(server().url, { lazyConnect: true });
    const tier = redisTier({ client: lazy });
    expect(tier.isReady()).toBe(true);
    expect(await tier.read(['contract:{absent}'])).toEqual([undefined]);
    lazy.disconnect();
  });
});

test('redisTier refuses a client that is none, and a deadline that is none', () => {
  expect(() => redisTier({ client: {} as never })).toThrow('client must have getBuffer()');
  const client = new Redis({ lazyConnect: true });
  expect(() => redisTier({ client, timeoutMs: 0 })).toThrow('timeoutMs must be a positive integer');
});

test('redisTier refuses to track where Redis could not tell', () => {
  const client = new Redis({ lazyConnect: true });
  const [subscriber, other] = [client.duplicate({ protocol: 2 }), client.duplicate()];
  const tracking = true;
  expect(() => redisTier({ client, tracking })).toThrow('tracking needs a subscriber');
  expect(() => redisTier({ client, subscriber: other, tracking })).toThrow('protocol 2, got 3');
  const cluster = new Cluster(['127.0.0.1:1'], { lazyConnect: true });
  expect(() => redisTier({ client: cluster, subscriber, tracking })).toThrow('one of a Cluster');
  const piped = client.duplicate({ enableAutoPipelining: true });
  expect(() => redisTier({ client: piped, subscriber, tracking })).toThrow('enableAutoPipelining');
  expect(redisTier({ client, subscriber, tracking }).bus?.tracks).toBe(true);
  const third = client.duplicate({ protocol: 2 });
  expect(() => redisTier({ client, subscriber: third, tracking })).toThrow('another subscriber');
});
