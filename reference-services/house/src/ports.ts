import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { StartError } from './start-error.ts';

const HOST = '127.0.0.1';

/**
 * Makes sure that ports are free before anything is started.
 *
 * @param ports by the name of the variable that sets each
 * @param patienceMs how long a port may take to become free
 * @throws StartError that names all that are taken
 */
export async function requireFreePorts(
  ports: Readonly<Record<string, number>>,
  patienceMs = 0,
): Promise<void> {
  const deadline = performance.now() + patienceMs;
  let taken = await takenPorts(ports);
  while (taken.length > 0 && performance.now() < deadline) {
    await wait(100);
    taken = await takenPorts(ports);
  }
  if (taken.length === 0) return;
  const lines = taken.map(([name, port]) => `  port ${port} is taken; set ${name} to another`);
  throw new StartError(
    'ERR_HOUSE_PORT',
    `The house cannot listen on ${HOST}:\n${lines.join('\n')}`,
  );
}

async function takenPorts(ports: Readonly<Record<string, number>>): Promise<[string, number][]> {
  const free = await Promise.all(Object.values(ports).map(isFree));
  return Object.entries(ports).filter((_, index) => !free[index]);
}

/** The first free port from `first` on: the same one at each start, as a rule. */
export async function firstFreePort(first: number): Promise<number> {
  for (let port = first; port < first + 100; port++) {
    if (await isFree(port)) return port;
  }
  throw new StartError('ERR_HOUSE_PORT', `No port from ${first} to ${first + 99} is free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen({ host: HOST, port, exclusive: true });
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
