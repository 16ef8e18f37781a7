import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
// Runs what the README shows.
import '../examples/silent-redis.ts';

const read = (file: string) => readFileSync(path.join(import.meta.dirname, '..', file), 'utf8');

test('the README shows the example that runs here', () => {
  expect(read('README.md')).toContain(`\`\`\`ts\n${read('examples/silent-redis.ts')}\`\`\``);
});
