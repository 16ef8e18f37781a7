import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Tier, TierBus, TierLeases } from '../tier.ts';
import { readPlain, type TestFunction, until } from './contract.ts';
import { patchContract } from './patch-contract.ts';

export type { TestFunction } from './contract.ts';

/** What a tier can do beyond what every tier must. */
export interface TierCapabilities {
  /** Whether it has `leases`. Default false. */
  readonly leases?: boolean;
  /** Whether it has `patch`. Default false. */
  readonly patch?: boolean;
  /** Whether it has a `bus`. Default false. */
  readonly bus?: boolean;
  /** For a bus that `tracks`: deletes a key of the tier as somebody would who knows of no cache. Default: it does not. */
  readonly deleteFromOutside?: (key: string) => Promise<unknown>;
}

/**
 * What every tier must do, as tests: call it in a test file of yours.
 *
 * @param open gives the tier under test, connected; called once for each test
 * @param capabilities must be the truth: a tier that can more than it says fails
 */
export function tierContract(
  test: TestFunction,
  open: () => Tier | Promise<Tier>,
  capabilities: TierCapabilities = {},
): void {
  const contract = (title: string, run: (tier: Tier, key: string) => Promise<void>) =>
    test(title, async () => run(await open(), `contract:{${randomUUID()}}`));

  if (capabilities.leases) leaseContract(test, open);
  if (capabilities.patch) patchContract(test, open);
  if (capabilities.bus) busContract(test, open);
  const { deleteFromOutside } = capabilities;
  if (deleteFromOutside) trackingContract(test, open, deleteFromOutside);
  contract('can what it says it can', async (tier) => {
    assert.equal(tier.leases !== undefined, capabilities.leases ?? false);
    assert.equal(tier.patch !== undefined, capabilities.patch ?? false);
    assert.equal(tier.bus !== undefined, capabilities.bus ?? false);
    assert.equal(tier.bus?.tracks ?? false, deleteFromOutside !== undefined);
  });

  contract('is ready once it is connected, and has a name and a deadline', async (tier) => {
    assert.equal(tier.isReady(), true);
    assert.notEqual(tier.name, '');
    assert.ok(tier.timeoutMs > 0);
  });

  contract('reads nothing where nothing was written', async (tier, key) => {
    assert.deepEqual(await tier.read([key]), [undefined]);
  });

  contract('reads back the bytes that were written, whatever they are', async (tier, key) => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    await tier.write(key, bytes, 60_000);
    assert.deepEqual(await readPlain(tier, key), [...bytes]);
  });

  contract('tells an empty value from none', async (tier, key) => {
    await tier.write(key, new Uint8Array(0), 60_000);
    assert.deepEqual(await readPlain(tier, key), []);
  });

  contract('carries a megabyte', async (tier, key) => {
    await tier.write(key, new Uint8Array(1_000_000).fill(7), 60_000);
    const [bytes] = await tier.read([key]);
    assert.equal(bytes?.length, 1_000_000);
    assert.equal(bytes?.[999_999], 7);
  });

  contract('answers in the order of the keys, also for keys named twice', async (tier, key) => {
    const other = `${key}:other`;
    await tier.write(key, Uint8Array.of(1), 60_000);
    await tier.write(other, Uint8Array.of(2), 60_000);
    const answers = await tier.read([other, `${key}:absent`, key, other]);
    assert.deepEqual(
      answers.map((bytes) => bytes?.[0]),
      [2, undefined, 1, 2],
    );
  });

  contract('keeps the later of two writes', async (tier, key) => {
    await Promise.all([
      tier.write(key, Uint8Array.of(1), 60_000),
      tier.write(key, Uint8Array.of(2), 60_000),
    ]);
    assert.deepEqual(await readPlain(tier, key), [2]);
  });

  contract('deletes keys, and minds none that is absent', async (tier, key) => {
    const other = `${key}:other`;
    await tier.write(key, Uint8Array.of(1), 60_000);
    await tier.write(other, Uint8Array.of(2), 60_000);
    await tier.delete([key, `${key}:absent`, other]);
    assert.deepEqual(await tier.read([key, other]), [undefined, undefined]);
  });

  contract('does things in the order in which they were called', async (tier, key) => {
    const bytes = Uint8Array.of(1);
    const [, before, , after, , last] = await Promise.all([
      tier.write(key, bytes, 60_000),
      tier.read([key]),
      tier.delete([key]),
      tier.read([key]),
      tier.write(key, bytes, 60_000),
      tier.read([key]),
    ]);
    assert.equal(before?.[0]?.[0], 1);
    assert.equal(after?.[0], undefined);
    assert.equal(last?.[0]?.[0], 1);
  });

  contract('keeps keys apart that differ in one character', async (tier, key) => {
    await tier.write(`${key}%`, Uint8Array.of(1), 60_000);
    assert.deepEqual(await tier.read([key, `${key}%25`, `${key} %`]), [
      undefined,
      undefined,
      undefined,
    ]);
  });

  contract(
    'forgets a value after its ttl, and a later write starts a new one',
    async (tier, key) => {
      await tier.write(key, Uint8Array.of(1), 40);
      await until(async () => (await tier.read([key]))[0] === undefined);
      await tier.write(key, Uint8Array.of(2), 60_000);
      assert.deepEqual(await readPlain(tier, key), [2]);
    },
  );
}

function leaseContract(test: TestFunction, open: () => Tier | Promise<Tier>): void {
  const ms = 60_000;
  const bytes = Uint8Array.of(1, 2, 3);
  type Run = (leases: TierLeases, key: string, tier: Tier) => Promise<void>;
  const contract = (title: string, run: Run) =>
    test(title, async () => {
      const tier = await open();
      assert.ok(tier.leases, 'has no leases');
      await run(tier.leases, `contract:{${randomUUID()}}`, tier);
    });

  contract('gives the lease on a key to one of many', async (leases, key) => {
    const tokens = ['a', 'b', 'c', 'd'];
    const answers = await Promise.all(
      tokens.map((token) => leases.take(key, token, ms, undefined)),
    );
    assert.deepEqual(answers, ['taken', 'held', 'held', 'held']);
  });

  contract('writes under a lease, and ends it with that', async (leases, key, tier) => {
    await leases.take(key, 'a', ms, undefined);
    assert.equal(await leases.write(key, 'a', bytes, ms), 'ended');
    assert.deepEqual(await readPlain(tier, key), [1, 2, 3]);
    assert.equal(await leases.write(key, 'a', Uint8Array.of(9), ms), 'gone');
    assert.deepEqual(await readPlain(tier, key), [1, 2, 3]);
  });

  contract(
    'answers with the bytes that are there instead of a lease',
    async (leases, key, tier) => {
      await tier.write(key, bytes, ms);
      const answer = await leases.take(key, 'a', ms, undefined);
      assert.deepEqual([...answer], [1, 2, 3]);
      assert.equal(await leases.write(key, 'a', bytes, ms), 'gone');
    },
  );

  contract('gives a lease where the bytes begin as known', async (leases, key, tier) => {
    await tier.write(key, bytes, ms);
    const other = await leases.take(key, 'a', ms, Uint8Array.of(1, 9));
    assert.deepEqual([...other], [1, 2, 3]);
    assert.equal(await leases.take(key, 'a', ms, Uint8Array.of(1, 2)), 'taken');
  });

  contract('takes an empty value for none', async (leases, key, tier) => {
    await tier.write(key, new Uint8Array(0), ms);
    assert.equal(await leases.take(key, 'a', ms, undefined), 'taken');
  });

  for (const [how, end] of [
    ['a delete', (tier: Tier, key: string) => tier.delete([key])],
    ['a write', (tier: Tier, key: string) => tier.write(key, Uint8Array.of(7), ms)],
  ] as const) {
    contract(
      `${how} ends the lease: what was loaded under it is not written`,
      async (leases, key, tier) => {
        await leases.take(key, 'a', ms, undefined);
        await end(tier, key);
        const after = await readPlain(tier, key);
        assert.equal(await leases.write(key, 'a', bytes, ms), 'gone');
        assert.deepEqual(await readPlain(tier, key), after);
        await tier.delete([key]);
        assert.equal(await leases.take(key, 'b', ms, undefined), 'taken');
      },
    );
  }

  contract('only who has the lease writes, renews or releases', async (leases, key, tier) => {
    await leases.take(key, 'a', ms, undefined);
    assert.equal(await leases.write(key, 'b', bytes, ms), 'gone');
    await leases.release(key, 'b');
    await leases.renew(key, 'b', 1);
    assert.equal(await leases.take(key, 'c', ms, undefined), 'held');
    assert.equal(await readPlain(tier, key), undefined);
    await leases.release(key, 'a');
    assert.equal(await leases.take(key, 'c', ms, undefined), 'taken');
  });

  contract(
    'who has the lease learns at its end whether somebody has asked for it',
    async (leases, key) => {
      const ends = {
        write: () => leases.write(key, 'a', bytes, ms),
        release: () => leases.release(key, 'a'),
      };
      for (const end of [ends.release, ends.write]) {
        await leases.take(key, 'a', ms, undefined);
        assert.equal(await end(), 'ended');
        assert.equal(await end(), 'gone');
        const known = bytes.subarray(0, 1);
        await leases.take(key, 'a', 5000, known);
        assert.equal(await leases.take(key, 'b', ms, known), 'held');
        assert.equal(await leases.take(key, 'c', ms, known), 'held');
        await leases.renew(key, 'a', ms);
        assert.equal(await leases.release(key, 'b'), 'gone');
        assert.equal(await end(), 'awaited');
        assert.equal(await end(), 'gone');
      }
    },
  );

  contract(
    'a write ends every lease that was taken before it is done',
    async (leases, key, tier) => {
      for (let round = 0; round < 50; round += 1) {
        const [name, value] = [`${key}:${round}`, Uint8Array.of(round)];
        await leases.take(name, 'before', ms, undefined);
        const [, answer] = await Promise.all([
          tier.write(name, value, ms),
          leases.take(name, 'meanwhile', ms, undefined),
        ]);
        for (const token of ['before', 'meanwhile']) {
          assert.equal(
            await leases.write(name, token, Uint8Array.of(0xff), ms),
            'gone',
            `${answer}`,
          );
        }
        assert.deepEqual(await readPlain(tier, name), [round]);
      }
    },
  );

  contract(
    'a lease ends with its time, also when somebody asks for it, and renewing puts that off',
    async (leases, key) => {
      const renewed = `${key}:renewed`;
      await Promise.all([
        leases.take(key, 'a', 60, undefined),
        leases.take(renewed, 'a', 60, undefined),
      ]);
      await leases.renew(renewed, 'a', ms);
      await until(async () => (await leases.take(key, 'b', ms, undefined)) === 'taken');
      assert.equal(await leases.take(renewed, 'b', ms, undefined), 'held');
      assert.equal(await leases.write(key, 'a', bytes, ms), 'gone');
    },
  );
}

function busContract(test: TestFunction, open: () => Tier | Promise<Tier>): void {
  type Run = (bus: TierBus, channel: string, tier: Tier) => Promise<void>;
  const contract = (title: string, run: Run) =>
    test(title, async () => {
      const tier = await open();
      assert.ok(tier.bus, 'has no bus');
      await run(tier.bus, `contract:${randomUUID()}`, tier);
    });

  contract(
    'carries every text, in order, to all who listen to the channel',
    async (bus, channel) => {
      const [one, other, stranger] = [ear(), ear(), ear()];
      const ends = [
        bus.subscribe(channel, one),
        bus.subscribe(channel, other),
        bus.subscribe(`${channel}:other`, stranger),
      ];
      await until(async () => one.ups > 0 && other.ups > 0 && stranger.ups > 0);
      const texts = ['1', '{"two":"ü"}', '3'];
      await Promise.all(texts.map((text) => bus.publish(channel, text)));
      await until(async () => one.heard.length === 3 && other.heard.length === 3);
      assert.deepEqual([one.heard, other.heard, stranger.heard], [texts, texts, []]);
      for (const end of ends) end();
    },
  );

  contract(
    'carries nothing to who no longer listens, and all to who listens later',
    async (bus, channel) => {
      const [gone, later] = [ear(), ear()];
      const end = bus.subscribe(channel, gone);
      await until(async () => gone.ups > 0);
      end();
      const endLater = bus.subscribe(channel, later);
      await until(async () => later.ups > 0);
      await bus.publish(channel, 'text');
      await until(async () => later.heard.length > 0);
      assert.deepEqual(gone.heard, []);
      endLater();
    },
  );

  contract(
    'who hears a text sees what was written and deleted before it',
    async (bus, channel, tier) => {
      const key = `contract:{${channel}}`;
      const seen: Promise<readonly (Uint8Array | undefined)[]>[] = [];
      const listener = ear();
      listener.message = () => void seen.push(tier.read([key]));
      const end = bus.subscribe(channel, listener);
      await until(async () => listener.ups > 0);
      const written = tier.write(key, Uint8Array.of(1), 60_000);
      await Promise.all([written, bus.publish(channel, 'written', written)]);
      await until(async () => seen.length === 1);
      const deleted = tier.delete([key]);
      await Promise.all([deleted, bus.publish(channel, 'deleted', deleted)]);
      await until(async () => seen.length === 2);
      const [first, second] = await Promise.all(seen);
      assert.equal(first?.[0]?.[0], 1);
      assert.equal(second?.[0], undefined);
      end();
    },
  );
}

function trackingContract(
  test: TestFunction,
  open: () => Tier | Promise<Tier>,
  deleteFromOutside: (key: string) => Promise<unknown>,
): void {
  test('tells who listens what somebody else has done to his keys, and no other', async () => {
    const tier = await open();
    assert.ok(tier.bus, 'has no bus');
    const channel = `contract:${randomUUID()}:`;
    const [one, other, stranger] = [ear(), ear(), ear()];
    const ends = [
      tier.bus.subscribe(channel, one),
      tier.bus.subscribe(channel, other),
      tier.bus.subscribe(`contract:${randomUUID()}:`, stranger),
    ];
    await until(async () => one.ups > 0 && other.ups > 0 && stranger.ups > 0);
    const key = `${channel}{a}`;
    await tier.write(key, Uint8Array.of(1), 60_000);
    await deleteFromOutside(key);
    await until(async () => one.touches.has(key) && other.touches.has(key));
    assert.deepEqual([one.touches.size, other.touches.size, stranger.touches.size], [1, 1, 0]);
    for (const end of ends) end();
  });
}

function ear() {
  const listener = {
    heard: [] as string[],
    touches: new Set<string>(),
    touched(keys: readonly string[] | undefined) {
      for (const key of keys ?? ['']) listener.touches.add(key);
    },
    ups: 0,
    message: (text: string) => void listener.heard.push(text),
    up() {
      listener.ups += 1;
    },
    down: () => undefined,
  };
  return listener;
}
