import { test } from 'node:test';
import type { Tier } from '@shopgpt/cache';
import { tierContract } from '@shopgpt/cache/testing';

/** A shared level of your own: four small methods. */
function mapTier(): Tier {
  const values = new Map<string, { bytes: Uint8Array; until: number }>();
  const alive = (key: string) => {
    const kept = values.get(key);
    return kept && kept.until > Date.now() ? kept.bytes : undefined;
  };
  return {
    name: 'map',
    timeoutMs: 50,
    isReady: () => true,
    read: async (keys) => keys.map(alive),
    write: async (key, bytes, ttlMs) => {
      values.set(key, { bytes, until: Date.now() + ttlMs });
    },
    delete: async (keys) => {
      for (const key of keys) values.delete(key);
    },
  };
}

tierContract(test, () => mapTier());
