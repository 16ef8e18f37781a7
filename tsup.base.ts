import { readFileSync } from 'node:fs';
import { defineConfig } from 'tsup';

type Exports = Record<string, string | { '@shopgpt/source'?: string }>;

/** One entry for each subpath export of the package in the current folder. */
function entries(): string[] {
  const manifest: { exports: Exports } = JSON.parse(readFileSync('package.json', 'utf8'));
  return Object.values(manifest.exports).flatMap((target) =>
    typeof target === 'object' && target['@shopgpt/source'] ? [target['@shopgpt/source']] : [],
  );
}

export default defineConfig({
  entry: entries(),
  outDir: 'dist',
  format: ['esm'],
  target: 'node22',
  splitting: true, // a class is one class, whichever entry it is imported from
  sourcemap: true,
  clean: true,
  dts: false, // TypeScript 7 has no compiler API: `tsc` writes the declarations
});
