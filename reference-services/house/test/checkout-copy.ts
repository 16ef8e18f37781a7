import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkout, type Who } from './house-process.ts';

const notPartOfIt = new Set(['.git', '.data']);

export interface CheckoutCopy {
  readonly folder: string;
  remove(): void;
}

/**
 * A copy of this checkout, as somebody else would have it.
 *
 * @param who owns its folders; default: who runs the test
 * @param isClosed below a folder that nobody else may pass
 */
export function copyCheckout({
  who,
  isClosed = false,
}: {
  who?: Who;
  isClosed?: boolean;
}): CheckoutCopy {
  const above = mkdtempSync(path.join(tmpdir(), 'checkout-'));
  const folder = path.join(above, 'platform');
  mkdirSync(folder);
  const entries = readdirSync(checkout).filter((name) => !notPartOfIt.has(name));
  const copy = (how: string) => execFileSync('cp', [how, ...entries, folder], { cwd: checkout });
  try {
    copy('-al'); // links to the same files: a second instead of a minute
  } catch {
    copy('-a');
  }
  if (who) {
    const owner = `${who.uid}:${who.gid}`;
    execFileSync('find', [folder, '-type', 'd', '-exec', 'chown', owner, '{}', '+']);
  }
  chmodSync(above, isClosed ? 0o700 : 0o755);
  return { folder, remove: () => rmSync(above, { recursive: true, force: true }) };
}
