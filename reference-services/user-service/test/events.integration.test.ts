import { startKafka, startPgBouncer, startPostgres } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createDatabase, dropDatabase, sql } from './support/database.ts';
import { eventsInKafka } from './support/kafka-log.ts';
import { runService, type Service, startService } from './support/service.ts';

interface Happened {
  readonly id: string;
  readonly type: string;
  readonly userId: string;
  readonly version: number;
  readonly changed?: readonly string[];
}

const postgres = useServer(startPostgres);
const patience = { timeout: 60_000, interval: 50 };
const services: Service[] = [];
let url = '';
let serial = 0;

beforeEach(async () => {
  url = await createDatabase(postgres().url);
});
afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.stop()));
  await dropDatabase(postgres().url, url);
});

async function start(env: Readonly<Record<string, string>> = {}): Promise<Service> {
  const service = await startService({ DATABASE_URL: url, DEADLINE_MS: '20000', ...env });
  services.push(service);
  return service;
}

async function create(service: Service): Promise<string> {
  serial += 1;
  const json = { email: `user-${serial}@example.com`, name: 'Ann' };
  const { status, body } = await service.call('POST', '/users', { json });
  expect(status).toBe(201);
  return String(body['id']);
}

async function rename(service: Service, id: string): Promise<void> {
  const json = { name: 'Anna' };
  expect((await service.call('PATCH', `/users/${id}`, { json })).status).toBe(200);
}

async function remove(service: Service, id: string): Promise<void> {
  expect((await service.call('DELETE', `/users/${id}`)).status).toBe(204);
}

/** A user's whole life, beside writes that are refused. */
async function live(service: Service): Promise<string> {
  const id = await create(service);
  const path = `/users/${id}`;
  const other = (await service.get(`/users/${await create(service)}`)).body;
  const { email } = other;
  const refused = [
    service.call('POST', '/users', { json: { email, name: 'Taken' } }),
    service.call('PATCH', path, { json: { email } }),
    service.call('PATCH', path, { json: { name: 'Late' }, headers: { 'if-match': '"9"' } }),
    service.call('DELETE', path, { headers: { 'if-match': '"9"' } }),
  ];
  expect((await Promise.all(refused)).map(({ status }) => status)).toEqual([409, 409, 412, 412]);
  await rename(service, id);
  await remove(service, id);
  expect((await service.call('DELETE', path)).status).toBe(404);
  return id;
}

const of = (id: string, events: readonly Happened[]) =>
  events
    .filter(({ userId }) => userId === id)
    .map(({ type, version, changed }) => [type, version, ...(changed ?? [])]);

const distinct = (events: readonly Happened[]) => [
  ...new Map(events.map((event) => [event.id, event])).values(),
];

const wholeLife = [
  ['user.created', 1],
  ['user.updated', 2, 'name'],
  ['user.deleted', 3],
];

interface Stats {
  readonly events: { readonly recent: readonly Happened[] };
  readonly components: readonly { kind: string; stats: Readonly<Record<string, unknown>> }[];
}

async function stats(service: Service): Promise<Stats> {
  const { body } = await service.get('/stats');
  return body as unknown as Stats;
}

async function relayStats(service: Service): Promise<Readonly<Record<string, unknown>>> {
  const found = (await stats(service)).components.find(({ kind }) => kind === 'relay');
  if (!found) throw new Error('there is no relay');
  return found.stats;
}

const waiting = async () => (await sql(url, 'SELECT FROM outbox')).length;

describe('without Kafka', () => {
  test('each change comes through the topic once, in order, and a refused one never', async () => {
    const service = await start();
    const id = await live(service);
    await vi.waitFor(async () => {
      const { recent } = (await stats(service)).events;
      expect(of(id, recent.toReversed())).toEqual(wholeLife);
      expect(recent).toHaveLength(4);
      expect(await waiting()).toBe(0);
    }, patience);
    expect(await relayStats(service)).toMatchObject({ isLeader: true, sent: 4 });
    expect((await service.get('/health')).body).toMatchObject({
      status: 'ok',
      dependencies: { kafka: 'off' },
      events: { messaging: 'up', relay: 'up' },
    });
    expect(service.output).toContain('stay in the memory of this process');
  });

  test('no user is changed whose event cannot be written', async () => {
    const service = await start();
    const id = await create(service);
    await expect.poll(waiting).toBe(0);
    await sql(url, 'ALTER TABLE outbox ADD CONSTRAINT no_room CHECK (false) NOT VALID');
    const json = { email: 'new@example.com', name: 'New' };
    expect((await service.call('POST', '/users', { json })).status).toBe(500);
    expect((await service.call('PATCH', `/users/${id}`, { json })).status).toBe(500);
    expect((await service.call('DELETE', `/users/${id}`)).status).toBe(500);
    expect(await sql(url, 'SELECT version FROM users')).toEqual([{ version: 1 }]);
    await sql(url, 'ALTER TABLE outbox DROP CONSTRAINT no_room');
    await rename(service, id);
  });
});

test('brokers that are none are refused with all other mistakes, each with its value', async () => {
  const env = { DATABASE_URL: url, KAFKA_BROKERS: 'kafka:9092,kafka', PORT: '-1' };
  const { code, output } = await runService(env);
  expect(code).toBe(1);
  expect(output).toContain('KAFKA_BROKERS must be host:port, with commas between several');
  expect(output).toContain('got "kafka:9092,kafka"');
  expect(output).toContain('PORT must be');
});

describe('behind a pooler', () => {
  const pooler = useServer(() => startPgBouncer({ target: postgres().url }));

  test('it says that events need a direct connection, and ends', async () => {
    const pooled = new URL(pooler().url);
    pooled.pathname = new URL(url).pathname;
    const { code, output } = await runService({ DATABASE_URL: pooled.href });
    expect(code).toBe(1);
    expect(output).toContain('the relay needs a direct connection to PostgreSQL');
  });
});

describe('with Kafka', { timeout: 120_000 }, () => {
  const kafka = useServer(startKafka, { own: true });
  const env = () => ({ KAFKA_BROKERS: kafka().url, KAFKA_REPLICATION_FACTOR: '1' });

  async function untilInKafka(
    expected: Readonly<Record<string, unknown>>,
    cleaned: typeof distinct = (events) => [...events],
  ): Promise<void> {
    await vi.waitFor(async () => {
      const events = cleaned(await eventsInKafka(kafka().url));
      const found = Object.keys(expected).map((id) => [id, of(id, events)]);
      expect(Object.fromEntries(found)).toEqual(expected);
    }, patience);
  }

  const untilKafkaIs = (service: Service, state: string) =>
    vi.waitFor(async () => {
      expect((await service.get('/health')).body).toMatchObject({
        status: state === 'up' ? 'ok' : 'degraded',
        dependencies: { kafka: state },
      });
    }, patience);

  test('it makes the topic, and each change is there once, in order for each user', async () => {
    const service = await start(env());
    const ids = await Promise.all(Array.from({ length: 20 }, () => live(service)));
    await untilInKafka(Object.fromEntries(ids.map((id) => [id, wholeLife])));
    expect(await eventsInKafka(kafka().url)).toHaveLength(80);
    expect(service.output).toMatch(/create +user-events: partitions 20, replication 1/);
    await untilKafkaIs(service, 'up');
    await vi.waitFor(async () => {
      expect((await stats(service)).events.recent).toHaveLength(20);
    }, patience);
  });

  test('while Kafka is away writes work and events wait, also for the next process, and none is lost', async () => {
    const first = await start(env());
    const id = await create(first);
    await untilInKafka({ [id]: [['user.created', 1]] });
    await untilKafkaIs(first, 'up');
    await vi.waitFor(() => expect(first.output).toContain('connected to Kafka'), patience);
    await kafka().kill();
    try {
      await rename(first, id);
      await untilKafkaIs(first, 'down');
      expect(await first.get('/readyz')).toMatchObject({
        status: 200,
        body: { status: 'ready', degraded: ['kafka'] },
      });
      await vi.waitFor(() => expect(first.output).toContain('trouble with Kafka'), patience);
      expect(await first.stop()).toBe(0);
      expect(await waiting()).toBe(1);

      const second = await start(env());
      await remove(second, id);
      expect(await second.get('/readyz')).toMatchObject({ status: 200 });
      await untilKafkaIs(second, 'down');
      expect(await waiting()).toBe(2);
      await kafka().restart();
      await untilInKafka({ [id]: wholeLife });
      await untilKafkaIs(second, 'up');
      await expect.poll(waiting).toBe(0);
    } finally {
      await kafka()
        .restart()
        .catch(() => undefined);
    }
  });

  test('of two processes one sends, and the other goes on when it dies', async () => {
    const both = await Promise.all([start(env()), start(env())]);
    const leaders = () =>
      Promise.all(both.map(async (one) => (await relayStats(one))['isLeader'] === true));
    await vi.waitFor(async () => expect((await leaders()).sort()).toEqual([false, true]), patience);
    const [isFirst] = await leaders();
    const [leader, other] = isFirst ? both : both.toReversed();
    if (!leader || !other) throw new Error('there are two');
    const id = await create(other);
    await rename(leader, id);
    leader.signal('SIGKILL');
    await leader.ended();
    await remove(other, id);
    // What it had sent and could not delete any more comes again, with the same id.
    await untilInKafka({ [id]: wholeLife }, distinct);
    expect(await relayStats(other)).toMatchObject({ isLeader: true });
  });
});
