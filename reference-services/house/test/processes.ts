import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The processes whose environment, command or working folder names one of these folders: what a house left. */
export function processesOf(...folders: readonly string[]): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => ({ pid, facts: factsOf(pid) }))
    .filter(({ facts }) => folders.some((folder) => facts.includes(folder)))
    .map(({ pid, facts }) => `${pid} ${facts.split('\0').slice(0, 6).join(' ')}`);
}

function factsOf(pid: string): string {
  const read = (look: () => string) => {
    try {
      return look();
    } catch {
      return ''; // it is gone, or not ours to look at
    }
  };
  return [
    read(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')),
    read(() => readFileSync(`/proc/${pid}/environ`, 'utf8')),
    read(() => readlinkSync(`/proc/${pid}/cwd`)),
  ].join('\0');
}
