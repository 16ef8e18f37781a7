import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface Asset {
  readonly type: string;
  readonly content: Buffer;
}

const types = {
  'index.html': 'text/html; charset=utf-8',
  'app.js': 'text/javascript; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
};

/** The files of the page, by the path under which they are served. */
export function readAssets(): ReadonlyMap<string, Asset> {
  const assets = Object.entries(types).map(([name, type]): [string, Asset] => {
    const content = readFileSync(path.join(import.meta.dirname, 'page', name));
    return [name === 'index.html' ? '/' : `/${name}`, { type, content }];
  });
  return new Map(assets);
}
