import { setTimeout as sleep } from 'node:timers/promises';
import { type Cache, createCache } from '@shopgpt/cache';
import { redisTier } from '@shopgpt/cache/redis';
import { startRedis, startValkey } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { Redis } from 'ioredis';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFailed,
  test,
  vi,
} from 'vitest';

/** What makes a server that is up answer with an error, and what ends that. */
interface Mood {
  readonly answer: RegExp;
  /** What it is the answer to, if not to a write. */
  ask?(client: Redis): Promise<unknown>;
  strike(admin: Redis): Promise<unknown>;
  heal(admin: Redis): Promise<unknown>;
}

const write = (client: Redis) => client.set('x', 'y');
const becomeMaster = (admin: Redis) => admin.replicaof('NO', 'ONE');

const busyScript = `
local function now() local t = redis.call('TIME'); return t[1] * 1000 + t[2] / 1000 end
local started = now()
while now() - started < 5000 do end`;

const moods: Record<string, Mood> = {
  'a replica, which takes no write': {
    answer: /^READONLY/,
    strike: (admin) => admin.replicaof('127.0.0.1', 1),
    heal: becomeMaster,
  },
  'a replica without its master, which answers nothing': {
    answer: /^MASTERDOWN/,
    ask: (client) => client.get('x'),
    async strike(admin) {
      await admin.config('SET', 'replica-serve-stale-data', 'no');
      await admin.replicaof('127.0.0.1', 1);
    },
    heal: becomeMaster,
  },
  "busy with somebody's script": {
    answer: /^BUSY/,
    async strike(admin) {
      await admin.config('SET', 'busy-reply-threshold', 1);
      const endless = admin.duplicate();
      void endless.eval(busyScript, 0).catch(() => endless.disconnect());
    },
    heal: (admin) => admin.script('KILL'),
  },
  'no longer allowed to this user': {
    answer: /^NOPERM/,
    strike: (admin) => admin.call('ACL', 'SETUSER', 'default', 'resetkeys'),
    heal: (admin) => admin.call('ACL', 'SETUSER', 'default', 'allkeys'),
  },
};

describe.each([
  ['Redis', startRedis],
  ['Valkey', startValkey],
])('when %s is up and answers with errors', (_name, start) => {
  const server = useServer(start, { own: true });
  const rejections: unknown[] = [];
  const note = (reason: unknown) => rejections.push(reason);
  let admin: Redis;
  let client: Redis;
  let subscriber: Redis;
  let cache: Cache<string>;
  let run = 0;

  const open = () =>
    createCache<string>({
      ...{ name: `answers-${run}`, ttlMs: 600_000, staleIfErrorMs: 600_000 },
      l2: redisTier({ client, subscriber, timeoutMs: 500 }),
    });

  beforeAll(async () => {
    process.on('unhandledRejection', note);
    client = new Redis(server().url);
    await client.call('ACL', 'SETUSER', 'admin', 'on', '>admin', 'allkeys', 'allchannels', '+@all');
    admin = client.duplicate({ username: 'admin', password: 'admin' });
    subscriber = client.duplicate();
  });
  afterAll(() => {
    process.off('unhandledRejection', note);
    for (const each of [admin, client, subscriber]) each.disconnect();
  });
  beforeEach(() => {
    run += 1;
    cache = open();
  });
  afterEach(async () => {
    await cache.close();
    await sleep(0);
    expect(rejections.splice(0)).toEqual([]);
  });

  test.each(Object.entries(moods))(
    '%s: callers get their values, changes wait, and none is lost',
    async (_what, { answer, ask = write, strike, heal }) => {
      await vi.waitFor(async () => expect(await cache.delete('a')).toEqual({ acknowledged: true }));
      for (const key of ['deleted', 'expired', 'kept']) await cache.set(key, 'old');
      await cache.getOrSet('tagged', () => 'old', { tags: ['t'] });
      await strike(admin);
      onTestFailed(async () => {
        await heal(admin);
      });
      await vi.waitFor(() => expect(ask(client)).rejects.toThrow(answer), { interval: 5 });

      const waits = { acknowledged: false };
      expect(await cache.getOrSet('missing', () => 'loaded')).toBe('loaded');
      const many = await cache.getMany(['kept', 'b', 'c'], () => new Map([['b', 'loaded']]));
      expect(Object.fromEntries(many)).toEqual({ kept: 'old', b: 'loaded' });
      expect(await cache.delete('deleted')).toEqual(waits);
      expect(await cache.expire('expired')).toEqual(waits);
      expect(await cache.invalidateTags('t')).toEqual(waits);
      expect(await cache.set('set', 'new')).toEqual(waits);
      expect(cache.peek('set')).toBe('new');
      for (const key of ['deleted', 'expired', 'tagged']) {
        expect(await cache.get(key)).toBeUndefined();
      }
      expect(cache.stats().l2).toMatchObject({ waitingDeletes: 4, foreign: 0 });

      await heal(admin);
      await vi.waitFor(() => expect(cache.stats().l2.waitingDeletes).toBe(0), {
        timeout: 20_000,
        interval: 20,
      });
      await using later = open();
      for (const key of ['deleted', 'expired', 'tagged']) {
        expect(await later.get(key)).toBeUndefined();
      }
      expect(await later.get('kept')).toBe('old');
      expect(await later.getOrSet('deleted', () => 'new')).toBe('new');
    },
  );
});
