// Part of `npm run check`: exits 1 and says why when an import goes against the house's arrows.
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { forbiddenArrows, type Workspaces } from './arrows.ts';

const cwd = path.resolve(import.meta.dirname, '../../..');
const kinds = '{packages,reference-services,tools}';

const workspaces: Workspaces = new Map(
  globSync(`${kinds}/*/package.json`, { cwd }).map((file) => {
    const [kind = '', name = ''] = file.split(path.sep);
    const manifest: { name: string } = JSON.parse(readFileSync(path.join(cwd, file), 'utf8'));
    return [manifest.name, { kind, name }];
  }),
);
const files = globSync(`${kinds}/*/{src,test,bench,examples}/**/*.{ts,mts,js,mjs}`, { cwd });
const objections = files.flatMap((file) =>
  forbiddenArrows(file, readFileSync(path.join(cwd, file), 'utf8'), workspaces),
);
for (const objection of objections) console.error(objection);
if (files.length === 0) console.error('found no source file to check');
process.exitCode = objections.length > 0 || files.length === 0 ? 1 : 0;
