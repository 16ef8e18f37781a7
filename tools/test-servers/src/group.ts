import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { TestServer } from './server.ts';

/** How long a group may take to become what it should be. */
const healthyMs = 60_000;

export async function all(
  nodes: readonly TestServer[],
  action: (node: TestServer) => Promise<void>,
): Promise<void> {
  await Promise.all(nodes.map(action));
}

/** Starts so many, or none. */
export async function startAll(
  count: number,
  start: (index: number) => Promise<TestServer>,
): Promise<TestServer[]> {
  const started = await Promise.allSettled(Array.from({ length: count }, (_, i) => start(i)));
  const nodes = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failure = started.find((result) => result.status === 'rejected');
  if (!failure) return nodes;
  await all(nodes, (node) => node.stop());
  throw failure.reason;
}

export async function withClients(
  nodes: readonly TestServer[],
  use: (clients: Redis[]) => Promise<void>,
): Promise<void> {
  const clients = nodes.map(({ url }) => {
    const client = new Redis(url, { commandTimeout: 5_000, maxRetriesPerRequest: null });
    // Each attempt is seen by its command.
    return client.on('error', () => undefined);
  });
  try {
    await use(clients);
  } finally {
    for (const client of clients) client.disconnect();
  }
}

/** Waits; what fails meanwhile is tried again. */
export async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + healthyMs;
  let last: unknown;
  while (performance.now() < end) {
    try {
      if (await isTrue()) return;
    } catch (error) {
      last = error;
    }
    await sleep(50);
  }
  throw new Error(`not within ${healthyMs} ms: ${what}`, { cause: last });
}
