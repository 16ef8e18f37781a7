// npm run bench -w packages/cache [-- library ...]
import { fork } from 'node:child_process';
import path from 'node:path';
import { startRedis, type TestServer } from '@shopgpt/test-servers';
import { Redis } from 'ioredis';
import { contestants, OURS } from './contestants.ts';

const wanted = process.argv.slice(2);
const names = wanted.length > 0 ? contestants.filter((name) => wanted.includes(name)) : contestants;

/** Runs one measurement in a process of its own; undefined when the library broke. */
function run<T>(row: string, name: string, server: TestServer, hurt?: () => Promise<void>) {
  const { promise, resolve } = Promise.withResolvers<T | undefined>();
  const child = fork(path.join(import.meta.dirname, 'child.ts'), [row, name, server.url], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  child.on('message', async (message: 'ready' | { result: T }) => {
    if (message !== 'ready') return resolve(message.result);
    await hurt?.();
    child.send('go');
  });
  child.on('exit', () => resolve(undefined));
  return promise;
}

async function flush(server: TestServer): Promise<void> {
  const redis = new Redis(server.url);
  await redis.flushall();
  redis.disconnect();
}

const line = (cells: readonly string[]) => console.log(`| ${cells.join(' | ')} |`);
const figure = (value: number | undefined, digits: number) =>
  value === undefined || Number.isNaN(value) ? '-' : value.toFixed(digits);

async function measure(name: string, server: TestServer): Promise<string[]> {
  const hits10k = await run<number>('hits-10k', name, server);
  await flush(server);
  const hits50k = await run<number>('hits-50k', name, server);
  await flush(server);
  const l2 = await run<number>('l2', name, server);
  await flush(server);
  const loads = await run<number>('stampede', name, server);
  await flush(server);
  const fleetLoads = await fleet(name, server);
  const killed = await run<Cost>('away', name, server, () => server.kill());
  await server.restart();
  const paused = await run<Cost>('away', name, server, () => server.pause());
  await server.restart();
  return [
    name,
    figure(hits10k, 1),
    figure(hits50k, 1),
    figure(l2, 2),
    `${figure(loads, 0)} / ${figure(fleetLoads, 0)}`,
    `${figure(killed?.median, 1)} / ${figure(killed?.worst, 0)}`,
    `${figure(paused?.median, 1)} / ${figure(paused?.worst, 0)}`,
  ];
}

/** Loads of all processes; they begin when all are ready. */
async function fleet(name: string, server: TestServer): Promise<number> {
  const all = Promise.withResolvers<void>();
  let ready = 0;
  const meet = () => {
    ready += 1;
    if (ready === 4) all.resolve();
    return all.promise;
  };
  const members = Array.from({ length: 4 }, () => run<number>('stampede', name, server, meet));
  const loads = await Promise.all(members);
  return loads.reduce<number>((sum, each) => sum + (each ?? Number.NaN), 0);
}

interface Cost {
  readonly median: number;
  readonly worst: number;
}

const server = await startRedis({ own: true });
try {
  console.log(`Node ${process.versions.node}, ${server.name} ${server.version} on loopback\n`);
  line([
    'library',
    'hit in memory, 10k keys',
    'hit, 50k keys',
    'hit in Redis',
    'loads for 1000 callers in 1 / in each of 4 processes',
    'Redis killed: ms more, median / worst',
    'Redis paused',
  ]);
  line(['---', '---:', '---:', '---:', '---:', '---:', '---:']);
  for (const name of names) {
    await flush(server);
    line(await measure(name, server));
  }
  console.log(`\n${OURS} alone:`);
  const peek10k = await run<number>('peek-10k', OURS, server);
  const peek50k = await run<number>('peek-50k', OURS, server);
  console.log(
    `- peek over raw lru-cache.get: ${figure(peek10k, 2)} at 10k keys (bar 1.35), ${figure(peek50k, 2)} at 50k (bar 1.9)`,
  );
  const full10k = await run<number>('peek-full-10k', OURS, server);
  const full50k = await run<number>('peek-full-50k', OURS, server);
  console.log(
    `- the same where there is room for no more: ${figure(full10k, 2)} and ${figure(full50k, 2)}`,
  );
  const tagged = await run<number>('peek-tagged', OURS, server);
  console.log(`- with 3 tags on each entry, over that: ${figure(tagged, 2)} (bar 1.3)`);
  await flush(server);
  const taggedL2 = await run<number>('l2-tagged', OURS, server);
  console.log(`- hit in Redis with 2 tags: ${figure(taggedL2, 2)} (bar 0.95)`);
  const invalidate = await run<number>('invalidate', OURS, server);
  console.log(`- invalidateTags over a million entries: ${figure(invalidate, 2)} ms (bar 1)`);
  const ours = (await run<number>('heap', 'ours', server)) ?? Number.NaN;
  const raw = (await run<number>('heap', 'raw', server)) ?? Number.NaN;
  console.log(
    `- heap per entry over raw lru-cache, promise included: ${figure(ours - raw, 0)} B (bar 160)`,
  );
} finally {
  await server.stop();
}
