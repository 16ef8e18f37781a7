// npm start: runs everything on this machine until Ctrl-C.
import path from 'node:path';
import { readConfig } from './config.ts';
import { greetingText } from './greeting.ts';
import { House } from './house.ts';
import { onEndRequest } from './end-request.ts';
import { StartError } from './start-error.ts';

const END_WITHIN_MS = 4500;
const checkout = path.resolve(import.meta.dirname, '../../..');

const say = (line: string) => void process.stdout.write(`${line}\n`);
// A reader that went away (`npm start | head`) is no reason to leave things running behind.
process.stdout.on('error', () => undefined);

function explain(error: unknown): void {
  // What a reader can act on is said in words; a stack is for mistakes of ours.
  const text = error instanceof Error && !(error instanceof StartError) ? error.stack : error;
  process.stderr.write(`${text instanceof StartError ? text.message : text}\n`);
}

async function run(): Promise<void> {
  const config = readConfig(process.env, checkout, process.env['INIT_CWD'] ?? process.cwd());
  const house = new House(config, say);
  ...
}
