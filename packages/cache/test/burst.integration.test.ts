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

async function burst(values: number, valueBytes: number, maxBytes: number): Promise<Memory> {
  const file = path.join(import.meta.dirname, 'burst.child.ts');
  const sizes = [values, valueBytes, maxBytes].map(String);
  const args = ['--conditions=@shopgpt/source', '--max-old-space-size=400', file, ...sizes];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout);
}

test('2,000 values of 1 MiB in a cache of 50 MiB never keep more heap than that', async () => {
  const maxBytes = 50 * MEBIBYTE;
  const memory = await burst(2000, MEBIBYTE, maxBytes);
  say('2,000 x 1 MiB with l1.maxBytes of 50 MiB', { ...memory });
  expect(memory.bytes).toBeLessThanOrEqual(maxBytes);
  // The texts take half of what they are estimated at.
  expect(memory.entries).toBeGreaterThanOrEqual(20);
  expect(memory.peakBytes).toBeLessThanOrEqual(maxBytes);
});
