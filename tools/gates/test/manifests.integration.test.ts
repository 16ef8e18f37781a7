import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

interface Manifest {
  readonly scripts?: Record<string, string>;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

const root = path.resolve(import.meta.dirname, '../../..');
const workspaces = globSync('{packages,reference-services,tools}/*/package.json', { cwd: root });

const read = (file: string): Manifest => JSON.parse(readFileSync(path.join(root, file), 'utf8'));

test.each(workspaces)('%s has no scripts but the words of everyday work', (file) => {
  const words = ['start', 'test', 'check', 'bench', 'build'];
  expect(words).toEqual(expect.arrayContaining(Object.keys(read(file).scripts ?? {})));
});

test.each(['package.json', ...workspaces])('%s pins what it brings exactly', (file) => {
  const { dependencies, devDependencies, optionalDependencies } = read(file);
  // What a published package needs, its users choose within a range.
  const own = file.startsWith('packages/') ? {} : dependencies;
  const versions = Object.entries({ ...own, ...devDependencies, ...optionalDependencies });
  expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
});

test('the lock names no registry', () => {
  const lock = readFileSync(path.join(root, 'package-lock.json'), 'utf8');
  expect(lock).not.toMatch(/"resolved": "https?:/);
});
