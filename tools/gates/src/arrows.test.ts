import { describe, expect, test } from 'vitest';
import { forbiddenArrows } from './arrows.ts';

const workspaces = new Map(
  ['packages/cache', 'packages/breaker', 'packages/telemetry']
    .concat(
      'reference-services/user-service',
      'reference-services/chat-service',
      'reference-services/house',
      'tools/test-servers',
      'tools/gates',
    )
    .map((folder) => {
      const [kind = '', name = ''] = folder.split('/');
      return [`@shopgpt/${name}`, { kind, name }] as const;
    }),
);

const refusals = (file: string, source: string) => forbiddenArrows(file, source, workspaces).length;

describe('inside a package', () => {
  const forms = [
    `import '@shopgpt/breaker';`,
    `import { createBreaker } from '@shopgpt/breaker';`,
    `import * as fetching from '@shopgpt/breaker/fetch';`,
    `import { createBreaker } from '../../breaker/src/index.ts';`,
    `import type { Breaker } from '@shopgpt/breaker';`,
    `import type { Breaker } from '../../breaker/src/breaker.ts';`,
    `import breaker = require('@shopgpt/breaker');`,
    `export { createBreaker } from '@shopgpt/breaker';`,
    `export * from '@shopgpt/breaker';`,
    `export type { Breaker } from '@shopgpt/breaker';`,
    `export type Breaker = import('@shopgpt/breaker').Breaker;`,
    `await import('@shopgpt/breaker');`,
    'await import(`@shopgpt/breaker`);',
    `require('@shopgpt/breaker');`,
    `require.resolve('@shopgpt/breaker');`,
    `import.meta.resolve('@shopgpt/breaker');`,
    `import '@shopgpt/user-service';`,
    `import '../../../reference-services/user-service/src/app.ts';`,
    `import '@shopgpt/test-servers';`,
    `import '@shopgpt/no-such-thing';`,
  ];
  test.each(forms)('refuses %s', (source) => {
    expect(refusals('packages/cache/src/cache.ts', source)).toBe(1);
  });

  test('lets a package use its own files, other libraries and node', () => {
    const source = `import { LRUCache } from 'lru-cache'; import fs from 'node:fs'; import './entry.ts'; import '../redis/index.ts';`;
    expect(refusals('packages/cache/src/testing/index.ts', source)).toBe(0);
  });

  test('lets tests, benchmarks and examples use the tools and the package itself, nothing more', () => {
    for (const file of [
      'test/a.integration.test.ts',
      'bench/index.ts',
      'src/a.test.ts',
      'examples/a.ts',
    ]) {
      expect(
        refusals(
          `packages/cache/${file}`,
          `import '@shopgpt/test-servers'; import '@shopgpt/cache';`,
        ),
      ).toBe(0);
      expect(refusals(`packages/cache/${file}`, `import '@shopgpt/breaker';`)).toBe(1);
    }
  });

  test('lets telemetry know the types of the others, not their code', () => {
    const file = 'packages/telemetry/src/collector.ts';
    expect(refusals(file, `import type { CacheStats } from '@shopgpt/cache';`)).toBe(0);
    expect(refusals(file, `export type S = import('@shopgpt/cache').CacheStats;`)).toBe(0);
    expect(refusals(file, `import { createCache } from '@shopgpt/cache';`)).toBe(1);
    expect(refusals(file, `import { type CacheStats } from '@shopgpt/cache';`)).toBe(1);
  });
});

describe('inside a service', () => {
  const file = 'reference-services/user-service/src/app.ts';
  test('lets it use packages by their names', () => {
    expect(refusals(file, `import '@shopgpt/cache'; import '@shopgpt/cache/redis';`)).toBe(0);
  });
  test.each([
    `import '@shopgpt/chat-service';`,
    `import '../../chat-service/src/app.ts';`,
    `import '../../../packages/cache/src/index.ts';`,
    `import '@shopgpt/test-servers';`,
  ])('refuses %s', (source) => {
    expect(refusals(file, source)).toBe(1);
  });
});

describe('inside a tool', () => {
  const file = 'tools/test-servers/src/redis.ts';
  test('lets it use tools, and the types of packages', () => {
    expect(
      refusals(file, `import '@shopgpt/gates'; import type { Cache } from '@shopgpt/cache';`),
    ).toBe(0);
  });
  test.each([
    `import '@shopgpt/cache';`,
    `import '@shopgpt/house';`,
    `import '../../gates/src/arrows.ts';`,
  ])('refuses %s', (source) => {
    expect(refusals(file, source)).toBe(1);
  });
});
