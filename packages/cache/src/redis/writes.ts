import type { LeaseEnd } from '../tier.ts';
import { isUnknownScript, type RedisClient, run, toBuffer } from './client.ts';
import { leaseOf, stagingOf } from './names.ts';
import * as scripts from './scripts.ts';

/** How values get into Redis. */
export interface Writes {
  /** Ends the lease too: who has it must not write after us. */
  write(key: string, bytes: Uint8Array, ttlMs: number): Promise<void>;
  /** Writes nothing unless the lease stands, and ends it. */
  writeLeased(key: string, token: string, bytes: Uint8Array, ttlMs: number): Promise<LeaseEnd>;
}

/** By scripts: one command, which nothing comes between. */
export function scriptedWrites(client: RedisClient): Writes {
  return {
    async write(key, bytes, ttlMs) {
      await run(client, scripts.write, [key, leaseOf(key)], [toBuffer(bytes), ttlMs]);
    },
    async writeLeased(key, token, bytes, ttlMs) {
      const args = [token, toBuffer(bytes), ttlMs];
      return endOf(await run(client, scripts.writeLeased, [key, leaseOf(key)], args));
    },
  };
}

/**
 * By transactions, for a client that tracks: Redis does not tell it what it has written itself, but
 * would tell it what its scripts have. So a script puts the bytes beside their place, when the lease
 * stands, and the client moves them there.
 */
export function trackedWrites(client: RedisClient): Writes {
  async function writeLeased(
    [command, script]: readonly [command: 'evalsha' | 'eval', script: string],
    key: string,
    args: readonly (string | Buffer | number)[],
  ): Promise<LeaseEnd> {
    const staging = stagingOf(key);
    const answers = await client
      .multi([
        [command, script, 2, staging, leaseOf(key), ...args],
        ['rename', staging, key],
      ])
      .exec();
    const [[error, answer] = []] = answers ?? [];
    if (error) throw error;
    return endOf(answer);
  }

  return {
    async write(key, bytes, ttlMs) {
      const commands = [
        ['unlink', leaseOf(key)],
        ['set', key, toBuffer(bytes), 'PX', ttlMs],
      ];
      for (const [error] of (await client.multi(commands).exec()) ?? []) if (error) throw error;
    },
    async writeLeased(key, token, bytes, ttlMs) {
      const { lua, sha } = scripts.writeLeased;
      const args = [token, toBuffer(bytes), ttlMs];
      try {
        return await writeLeased(['evalsha', sha], key, args);
      } catch (error) {
        if (!isUnknownScript(error)) throw error;
        return writeLeased(['eval', lua], key, args);
      }
    },
  };
}

/** What a script that ends a lease has answered. */
export function endOf(answer: unknown): LeaseEnd {
  return scripts.ends[Number(answer)] ?? 'gone';
}
