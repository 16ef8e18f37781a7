// npm start: runs everything on this machine until Ctrl-C.
import path from 'node:path';
import { type HouseConfig, readConfig } from './config.ts';
import { onEndRequest } from './end-request.ts';
import { greetingText } from './greeting.ts';
import { House } from './house.ts';
import { reasonOf, StartError } from './start-error.ts';

/** What has not ended by then ends by itself once this process is gone. */
const END_WITHIN_MS = 4500;

const say = (line: string) => void process.stdout.write(`${line}\n`);
// A reader that went away (`npm start | head`) is no reason to leave things running behind.
process.stdout.on('error', () => undefined);

function giveUp(error: unknown): never {
  process.stderr.write(`${isForReader(error) ? reasonOf(error) : (error as Error).stack}\n`);
  process.exit(1);
}

/** What a reader can act on, as what the system refuses, is said in words; a stack is for mistakes of ours. */
function isForReader(error: unknown): boolean {
  return error instanceof StartError || (error instanceof Error && 'syscall' in error);
}

function readOrGiveUp(): HouseConfig {
  const checkout = path.resolve(import.meta.dirname, '../../..');
  try {
    return readConfig(process.env, checkout, process.env['INIT_CWD'] ?? process.cwd());
  } catch (error) {
    return giveUp(error);
  }
}

const house = new House(readOrGiveUp(), say);
let isEnding = false;

onEndRequest(async () => {
  isEnding = true;
  say('\nEnding ...');
  setTimeout(() => process.exit(1), END_WITHIN_MS);
  await house.stop();
  say('Everything has ended.');
  process.exit(0);
});

try {
  say(greetingText(await house.start()));
} catch (error) {
  if (!isEnding) {
    await house.stop();
    giveUp(error);
  }
}
