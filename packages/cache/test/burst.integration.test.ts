import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { say } from './faults/fleet.ts';

const MEBIBYTE = 1024 * 1024;

interface Memory {
  readonly entries: number;
  readonly bytes: number;
  readonly peakBytes: number;
}

interface Growth {
  readonly grownBytes: number;
  readonly entries: number;
  readonly abandonedLoads: number;
}

/** What a process of its own prints. */
async function run<T>(program: string, ...numbers: number[]): Promise<T> {
  const file = path.join(import.meta.dirname, program);
  const args = ['--conditions=@shopgpt/source', '--max-old-space-size=400', file];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [...args, ...numbers.map(String)],
    {
      timeout: 50_000,
    },
  );
  return JSON.parse(stdout);
}

test('2,000 values of 1 MiB in a cache of 50 MiB never keep more heap than that', async () => {
  const maxBytes = 50 * MEBIBYTE;
  const memory = await run<Memory>('burst.child.ts', 2000, MEBIBYTE, maxBytes);
  say('2,000 x 1 MiB with l1.maxBytes of 50 MiB', { ...memory });
  expect(memory.bytes).toBeLessThanOrEqual(maxBytes);
  // The texts take half of what they are estimated at.
  expect(memory.entries).toBeGreaterThanOrEqual(20);
  expect(memory.peakBytes).toBeLessThanOrEqual(maxBytes);
});

test('keys that are never asked for again leave nothing behind, whatever was done to them', async () => {
  const [rounds, keys] = [8, 250];
  const memory = await run<Growth>('growth.child.ts', rounds, keys);
  say(`${2 * rounds * keys} keys of each kind, each once`, { ...memory });
  // One reference to each of the long keys of one kind would be 600,000 bytes.
  expect(memory.grownBytes).toBeLessThan(500_000);
  expect(memory).toMatchObject({ entries: 500, abandonedLoads: 0 });
});
