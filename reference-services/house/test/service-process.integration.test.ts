import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { packageFolder, startService } from '../src/service-process.ts';
import { processesOf } from './processes.ts';

let folder: string;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'service-'));
  mkdirSync(path.join(folder, 'src'));
  said = [];
});
afterEach(() => {
  expect(processesOf(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
});

const say = (line: string) => void said.push(line);
const log = (level: number, msg: string) =>
  `console.log(JSON.stringify({ level: ${level}, msg: ${JSON.stringify(msg)} }));`;
const listening = log(30, 'listening');
const stayAlive = 'setInterval(() => undefined, 1000);';
const endOnTerm = "process.on('SIGTERM', () => process.exit(0));";

/** Starts a service that consists of these statements. */
function start(...statements: string[]) {
  writeFileSync(path.join(folder, 'src/main.ts'), statements.join('\n'));
  return startService({ name: 'a-service', folder, env: process.env, say }, signal);
}
const { signal } = new AbortController();

test('a service is ready once it says that it listens, and ends when it is told to', async () => {
  const service = await start(endOnTerm, listening, stayAlive);
  await service.stop();
  expect(await service.exited).toBe('exit code 0');
  expect(said).toEqual([]);
});

test('Ctrl-C does not reach a service: it has a process group of its own', async () => {
  const group = "require('node:fs').readFileSync('/proc/self/stat', 'utf8').split(' ')[4]";
  const tell = `console.log(JSON.stringify({ level: 40, msg: process.pid + ' ' + ${group} }));`;
  const service = await start(tell, listening, stayAlive);
  await service.stop();
  expect(said).toEqual([expect.stringMatching(/^a-service: (\d+) \1$/)]);
});

test('what a service warns of is told, once while it repeats itself', async () => {
  const warn = (text: string) => log(40, text);
  const service = await start(
    warn('before'),
    listening,
    log(30, 'fine'),
    warn('slow'),
    warn('slow'),
    warn('slower'),
    'console.error("loud");',
    stayAlive,
  );
  await vi.waitUntil(() => said.length >= 4);
  await service.stop();
  expect(said.toSorted()).toEqual([
    'a-service: before',
    'a-service: loud',
    'a-service: slow',
    'a-service: slower',
  ]);
});

test('a service that ends before it listens is refused with its last words and without a stack', async () => {
  const starting = start(log(40, 'careful'), "throw new TypeError('it is broken');");
  await expect(starting).rejects.toThrow(
    expect.objectContaining({
      code: 'ERR_HOUSE_SERVICE',
      message: expect.stringMatching(
        /^a-service did not start \(exit code 1\):\ncareful\n(?!.*\n +at ).*TypeError: it is broken$/s,
      ),
    }),
  );
});

test('a service that does not end when it is told to is killed', async () => {
  const service = await start("process.on('SIGTERM', () => undefined);", listening, stayAlive);
  await service.stop();
  expect(await service.exited).toBe('killed by SIGKILL');
});

test('a start that nobody wants any more is given up', async () => {
  const unwanted = new AbortController();
  writeFileSync(path.join(folder, 'src/main.ts'), stayAlive);
  const starting = startService(
    { name: 'a-service', folder, env: process.env, say },
    unwanted.signal,
  );
  unwanted.abort(new Error('never mind'));
  await expect(starting).rejects.toThrow('never mind');
});

test('a service ends with the house, also when it must get rid of its last words', async () => {
  writeFileSync(
    path.join(folder, 'src/main.ts'),
    `${listening}
    function lastWords() {
      for (let isWritten = false; !isWritten; ) {
        try { isWritten = require('node:fs').writeSync(1, 'last words') > 0; } catch {}
      }
      process.exit(0);
    }
    process.on('SIGTERM', () => setTimeout(lastWords, 200));
    ${stayAlive}`,
  );
  const moduleUrl = new URL('../src/service-process.ts', import.meta.url);
  const house = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `
      import { startService } from ${JSON.stringify(moduleUrl.href)};
      const options = { name: 's', folder: ${JSON.stringify(folder)}, env: process.env, say: () => undefined };
      await startService(options, new AbortController().signal);
      console.log('up');`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(house.stdout, 'data');
  house.kill('SIGKILL');
  await vi.waitUntil(() => processesOf(folder).length === 0, { timeout: 10_000 });
});

test('a package is found where npm put it, and a missing one is named', () => {
  expect(path.basename(packageFolder('@shopgpt/user-service'))).toBe('user-service');
  expect(() => packageFolder('@shopgpt/no-such')).toThrow('@shopgpt/no-such');
});
