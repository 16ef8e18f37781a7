import type { ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { startPostgres } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { Event } from './outbox/event.ts';
import type { SentRecord, ToParent } from './outbox/relay-messages.ts';
import { Relays, type Write } from './outbox/relays.ts';
import { fillOutbox, newPool, orderBreaks, setUp, until } from './outbox/set-up.ts';

const server = useServer(startPostgres, { own: true });
const partitions = 8;

/** What relays write. It answers at once, except to the process that is being stopped. */
class HeldLog {
  readonly #partitions = Array.from({ length: partitions }, () => [] as SentRecord[]);
  readonly #held: (() => void)[] = [];
  /** The process of each write. */
  readonly writers: (number | undefined)[] = [];
  #stopped: PromiseWithResolvers<ChildProcess> | undefined;

  readonly write = (child: ChildProcess, { id, partition, records }: Write): void => {
    const into = this.#partitions[partition] ?? [];
    const offset = into.length;
    into.push(...records);
    this.writers.push(child.pid);
    const answer = () => child.connected && child.send({ id, offset }, () => undefined);
    if (!this.#stopped) return void answer();
    child.kill('SIGSTOP');
    this.#held.push(answer);
    this.#stopped.resolve(child);
  };

  get records(): readonly SentRecord[] {
    return this.#partitions.flat();
  }

  /** Stops the process that leads in the middle of a batch: what it sent is written, and it does not know. */
  async stopLeader(): Promise<ChildProcess> {
    this.#stopped = Promise.withResolvers();
    const child = await this.#stopped.promise;
    // Whatever it had sent by then has come too.
    await new Promise((resolve) => setTimeout(resolve, 100));
    this.#stopped = undefined;
    return child;
  }

  /** It finds all its answers when it goes on. */
  resume(child: ChildProcess): void {
    for (const answer of this.#held) answer();
    child.kill('SIGCONT');
  }
}

test('a leader that is stopped is replaced within seconds, and sends nothing when it goes on', async () => {
  const { table, topic, pool, enqueue, waiting } = await setUp(server);
  const [keys, each] = [50, 100];
  await fillOutbox(pool, { table, topic: topic.name, keys, each });
  const log = new HeldLog();
  const relays = new Relays({ url: server().url, table, partitions }, log.write);
  relays.start();
  relays.start();
  await until('a share is sent', () => log.records.length >= 1_500);
  const stopped = await log.stopLeader();
  const stoppedMs = performance.now();
  const before = log.records.length;
  await until('another one leads', () => relays.leader !== stopped, 20_000);
  const leaderlessMs = performance.now() - stoppedMs;
  await until('all is sent', async () => (await waiting()) === 0, 30_000);
  const writesBefore = log.writers.length;
  const awake = new Promise<void>((resolve) => {
    stopped.on('message', ({ kind }: ToParent) => kind === 'follows' && resolve());
  });
  log.resume(stopped);
  // Each of them is behind what the stopped one has in its hands.
  for (let n = each; n < each + 20; n += 1) {
    await enqueue(...Array.from({ length: keys }, (_, k) => ({ key: `k${k}`, n })));
  }
  await until('all is sent', async () => (await waiting()) === 0, 30_000);
  await awake;
  const events = log.records.map(({ value }) => Event.parse(JSON.parse(value)));
  const distinct = new Set(events.map(({ key, n }) => `${key}/${n}`)).size;
  const sent = keys * (each + 20);
  report('leader stopped', {
    sent,
    delivered: events.length,
    lost: sent - distinct,
    duplicated: events.length - distinct,
    outOfOrder: orderBreaks(events),
    leaderlessMs: Math.round(leaderlessMs),
  });
  expect(before).toBeLessThan(keys * each);
  expect(log.writers.slice(writesBefore)).not.toContain(stopped.pid);
  expect(distinct).toBe(sent);
  expect(orderBreaks(events)).toBe(0);
  // What it had under way comes twice, and under one id.
  expect(new Set(log.records.map(({ id }) => id)).size).toBe(sent);
  expect(events.length - distinct).toBeGreaterThan(0);
  expect(events.length - distinct).toBeLessThanOrEqual(500);
  expect(leaderlessMs).toBeLessThan(12_000);
}, 120_000);

test('a leader that takes no answer of the database is replaced within seconds', async () => {
  const { table, topic, pool, sender } = await setUp(server);
  const { relay: other } = sender();
  const own = newPool(server().url, 1);
  const client = await own.connect();
  const { relay: one } = sender({ pool: { connect: async () => client } });
  await one.start();
  await until('it leads', () => one.stats().isLeader);
  await other.start();
  const socket = socketOf(client);
  socket.on('data', function stopReading({ length }: Buffer) {
    if (length < 10_000) return;
    socket.off('data', stopReading);
    socket.pause();
  });
  await pool.query(
    `insert into ${table} (id, aggregatetype, type, payload) values (gen_random_uuid(), $1, $1, $2)`,
    [topic.name, Buffer.alloc(40_000_000)],
  );
  await until('it waits', async () => {
    const { rows } = await pool.query(
      "select from pg_stat_activity where wait_event = 'ClientWrite'",
    );
    return rows.length === 1;
  });
  await until('the other one leads', () => other.stats().isLeader, 20_000);
  socket.resume();
  await until('it knows', () => !one.stats().isLeader);
  await one.close({ timeoutMs: 0 });
});

function socketOf(client: pg.PoolClient): Duplex {
  const { stream } = Reflect.get(client, 'connection');
  return stream;
}

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
