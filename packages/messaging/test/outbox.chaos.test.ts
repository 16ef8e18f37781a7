import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { startPostgres } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { expect, onTestFinished, test } from 'vitest';
import type { ToParent } from './outbox/relay-messages.ts';
import { Event, orderBreaks, setUp, until } from './outbox/set-up.ts';

const server = useServer(startPostgres, { own: true });
const partitions = 8;

/** A log that outlives the relays which write it. */
function newLog(url: string, table: string) {
  const log = Array.from({ length: partitions }, () => [] as string[]);
  const children = new Set<ChildProcess>();
  let leader: ChildProcess | undefined;
  let kills: PromiseWithResolvers<void> | undefined;

  function start(): void {
    const file = path.join(import.meta.dirname, 'outbox/relay.child.ts');
    const child = fork(file, [url, table, `${partitions}`], {
      execArgv: ['--conditions=@shopgpt/source'],
    });
    children.add(child);
    child.on('message', (message: ToParent) => {
      if (message.kind === 'leads') leader = child;
      else write(child, message);
    });
  }

  function write(child: ChildProcess, message: Extract<ToParent, { kind: 'write' }>): void {
    const into = log[message.partition] ?? [];
    const offset = into.length;
    into.push(...message.values);
    if (kills) child.once('exit', kills.resolve).kill('SIGKILL');
    // Who was killed hears no answer.
    else if (child.connected) child.send({ id: message.id, offset }, () => undefined);
  }

  async function kill(child: ChildProcess | undefined): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }

  onTestFinished(async () => {
    for (const child of children) await kill(child);
  });
  return {
    start,
    length: () => log.reduce((sum, { length }) => sum + length, 0),
    events: () => log.flat().map((value) => Event.parse(JSON.parse(value))),
    hasLeader: () => leader !== undefined,
    /** When what it sends is in the log, and before it hears of that. */
    async killLeader() {
      kills = Promise.withResolvers();
      await kills.promise;
      kills = undefined;
      leader = undefined;
    },
  };
}

test('a backlog of 100,000 rows goes out through relays that are killed, in order and with nothing lost', async () => {
  const { table, topic, pool, enqueue, waiting } = await setUp(server);
  const [keys, each] = [500, 200];
  await pool.query(
    `insert into ${table} (id, aggregatetype, aggregateid, type, key, payload)
    select gen_random_uuid(), $1, 'k' || k, $1, convert_to('k' || k, 'utf8'),
      convert_to(json_build_object('key', 'k' || k, 'n', n)::text, 'utf8')
    from generate_series(0, ${each - 1}) n, generate_series(0, ${keys - 1}) k order by n, k`,
    [topic.name],
  );
  const log = newLog(server().url, table);
  log.start();
  log.start();
  const beganMs = performance.now();
  for (const share of [0.3, 0.6]) {
    await until('a share is sent', () => log.length() >= keys * each * share, 30_000);
    await log.killLeader();
    log.start();
    await enqueue(...Array.from({ length: 50 }, (_, k) => ({ key: `k${k}`, n: each + share })));
    await until('another leads', log.hasLeader);
  }
  await until('all is sent', async () => (await waiting()) === 0, 40_000);
  const seconds = (performance.now() - beganMs) / 1_000;
  const events = log.events();
  const distinct = new Set(events.map(({ key, n }) => `${key}/${n}`)).size;
  const expected = keys * each + 100;
  report('100,000 rows, two leaders killed', {
    sent: expected,
    delivered: events.length,
    lost: expected - distinct,
    duplicated: events.length - distinct,
    outOfOrder: orderBreaks(events),
    seconds: Math.round(seconds * 10) / 10,
  });
  expect(distinct).toBe(expected);
  expect(orderBreaks(events)).toBe(0);
  // What each killed leader had under way, and no more.
  expect(events.length - distinct).toBeGreaterThan(0);
  expect(events.length - distinct).toBeLessThanOrEqual(2 * 500);
}, 120_000);

test('rows go out, once the database is back that was killed under the relays', async () => {
  const { sender, enqueue, sent, waiting } = await setUp(server);
  const relays = [sender().relay, sender().relay];
  for (const one of relays) await one.start();
  let written = 0;
  for (let round = 0; round < 3; round += 1) {
    for (let n = 0; n < 20; n += 1) {
      await enqueue({ key: 'a', n: written }, { key: 'b', n: written });
      written += 1;
    }
    await server().kill();
    await until('both know', () => relays.every((one) => one.health().status === 'degraded'));
    expect(relays.map((one) => one.stats().isLeader)).toEqual([false, false]);
    await server().restart();
  }
  await until('all is sent', async () => (await waiting()) === 0, 30_000);
  const distinct = new Set(sent().map(({ id }) => id)).size;
  report('database killed three times', {
    sent: 2 * written,
    delivered: sent().length,
    lost: 2 * written - distinct,
    duplicated: sent().length - distinct,
    outOfOrder: orderBreaks(sent()),
  });
  expect(distinct).toBe(2 * written);
  expect(orderBreaks(sent())).toBe(0);
});

test('a database that hangs is given up by close within its time', async () => {
  const { sender, enqueue, waiting } = await setUp(server);
  const { relay: one } = sender();
  await one.start();
  await enqueue({ key: 'k', n: 1 });
  await until('it is sent', async () => (await waiting()) === 0);
  await server().pause();
  const beganMs = performance.now();
  await one.close({ timeoutMs: 300 });
  expect(performance.now() - beganMs).toBeLessThan(3_000);
  await server().resume();
});

test('writers wait for no lock of the relay, and the relay for none of a writer', async () => {
  const { sender, begin, enqueue, sent, waiting } = await setUp(server);
  await enqueue(...Array.from({ length: 2_000 }, (_, n) => ({ key: `k${n % 50}`, n })));
  const open = await begin();
  await open.enqueue('open', 1);
  await sender({ batchSize: 50 }).relay.start();
  for (let n = 0; n < 200; n += 1) {
    const writer = await begin();
    await writer.client.query("set local lock_timeout = '1s'");
    await writer.enqueue('late', n);
    await writer.commit();
  }
  await until('all from before the open one is sent', () => sent().length === 2_000);
  expect(await waiting()).toBe(200);
  await open.rollback();
  await until('all is sent', async () => (await waiting()) === 0);
  expect(orderBreaks(sent())).toBe(0);
});

function report(what: string, figures: Record<string, number>): void {
  process.stderr.write(`${what}: ${JSON.stringify(figures)}\n`);
}
