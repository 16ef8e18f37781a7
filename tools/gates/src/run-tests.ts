// npm test [-- [layer ...] [file ...] [--install] [--bail] [vitest options]]
import { spawn } from 'node:child_process';
import path from 'node:path';

const layers = ['unit', 'contract', 'integration', 'e2e', 'chaos'];
const root = path.resolve(import.meta.dirname, '../../..');
const workspace = path.relative(root, process.cwd());

const args = process.argv.slice(2).flatMap((arg) => {
  if (layers.includes(arg)) return ['--project', arg];
  if (arg === '--install') return [];
  return [arg];
});
// A variable and not a file filter: vitest runs what matches any filter, so that one of the caller's would not narrow.
const env: NodeJS.ProcessEnv = { ...process.env, TEST_WORKSPACE: workspace };
// Lets tools/test-servers ask the system's package manager for what is missing.
if (process.argv.includes('--install')) env['TEST_SERVERS_INSTALL'] = '1';

const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
const child = spawn(process.execPath, [vitest, 'run', '--root', root, ...args], {
  stdio: 'inherit',
  env,
});
// Ctrl-C reaches the whole process group: this process only waits for the tests to clean up.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
