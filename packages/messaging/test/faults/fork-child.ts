import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';

const repository = path.join(import.meta.dirname, '../../../..');
// Dozens start: compiled once, each takes a third of the time.
const compiled = path.join(repository, 'node_modules/.cache/node-compile');

/** @param file beside this one; it is given the options as JSON */
export function forkChild(file: string, options: object): ChildProcess {
  return fork(path.join(import.meta.dirname, file), [JSON.stringify(options)], {
    execArgv: ['--conditions=@shopgpt/source'],
    env: { ...process.env, NODE_COMPILE_CACHE: compiled },
  });
}
