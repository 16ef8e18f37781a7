import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { ServerUnavailableError } from './errors.ts';

/** A program that can be started. */
export interface Binary {
  readonly file: string;
  /** Where it came from, for people. */
  readonly found: string;
  /** Added to the environment of the server. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A place where a program may be; throws an error that says why it is not to be had there. */
export type Source = () => Promise<Binary>;

/** The first source that has the program, in the order given. */
export async function findBinary(
  name: string,
  sources: readonly Source[],
  advice: string,
): Promise<Binary> {
  const tried: string[] = [];
  for (const source of sources) {
    try {
      return await source();
    } catch (error) {
      tried.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new ServerUnavailableError(name, tried, advice);
}

/** A program on the machine, when it is the server that is meant and not an older one. */
export function onThisMachine(
  programs: readonly string[],
  isGood: (versionText: string) => boolean,
): Source {
  return async () => {
    const refused: string[] = [];
    for (const program of programs) {
      const file = await onPath(program);
      if (!file) continue;
      const version = await versionText(file);
      if (isGood(version)) return { file, found: file };
      refused.push(`${file} is ${version}`);
    }
    throw new Error(refused.join(', ') || `no ${programs.join(' or ')} in PATH`);
  };
}

/** What the program says about itself, or why it does not. */
export async function versionText(
  file: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const options = { timeout: 20_000, env: { ...process.env, ...env } };
  const answer = promisify(execFile)(file, ['--version'], options);
  return answer.then(
    ({ stdout }) => stdout.trim(),
    (error: Error) => error.message,
  );
}

async function onPath(program: string): Promise<string | undefined> {
  // The usual folders of servers are not in everybody's PATH.
  const folders = `${process.env['PATH'] ?? ''}:/usr/local/bin:/usr/bin:/usr/sbin`.split(':');
  for (const folder of folders) {
    const file = path.join(folder, program);
    if (folder !== '' && (await isProgram(file))) return file;
  }
  return undefined;
}

export async function isProgram(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
