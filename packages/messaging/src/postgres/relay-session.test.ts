import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { manualClock } from '../testing/manual-clock.ts';
import { RelaySession } from './relay-session.ts';

const asTrue = { rows: [{ is_leader: true }], rowCount: 1 };

/** A database that answers at once, unless it is told to be silent. */
class FakeClient extends EventEmitter {
  readonly asked: string[] = [];
  readonly released: unknown[] = [];
  answer: () => Promise<typeof asTrue> = async () => asTrue;

  async query(text: string) {
    this.asked.push(text);
    return this.answer();
  }

  release(error?: Error) {
    this.released.push(error?.message);
  }

  beats() {
    return this.asked.filter((text) => text === 'select 1').length;
  }
}

/** A clock that goes on while the process, and so its timers, stand still. */
function stoppableClock() {
  const clock = manualClock();
  const state = { stoppedMs: 0 };
  return {
    clock: { ...clock, now: () => clock.now() + state.stoppedMs },
    pass: (ms: number) => clock.pass(ms),
    stop(ms: number) {
      state.stoppedMs += ms;
    },
    timers: () => clock.timers,
  };
}

async function setUp() {
  const client = new FakeClient();
  const time = stoppableClock();
  const pool = { connect: async () => client };
  const session = await RelaySession.open(pool, 'outbox', time.clock);
  await session.tryLead();
  return { ...time, client, session };
}

test('lets the database end it when it is silent, and says something in time', async () => {
  const { pass, client, session } = await setUp();
  expect(client.asked[1]).toContain('set idle_session_timeout = 5000');
  expect(client.asked[1]).toContain('set tcp_user_timeout = 5000');
  expect(client.asked[1]).toContain('set statement_timeout = 30000');
  expect(session.leadsUntilMs).toBe(5_000);
  await pass(10_500);
  expect(client.beats()).toBe(10);
  expect(session.leadsUntilMs).toBe(15_000);
});

test('says nothing of its own while others ask', async () => {
  const { pass, client, session } = await setUp();
  for (let i = 0; i < 10; i += 1) {
    await session.query('something');
    await pass(900);
  }
  expect(client.beats()).toBe(0);
});

test('asks one thing at a time', async () => {
  const { pass, client, session } = await setUp();
  const answered = Promise.withResolvers<typeof asTrue>();
  client.answer = () => answered.promise;
  await pass(1_000);
  const asking = session.query('something');
  await pass(100);
  expect(client.asked.at(-1)).toBe('select 1');
  answered.resolve(asTrue);
  await asking;
  expect(client.asked.at(-1)).toBe('something');
});

test('does not believe to lead any longer when its process was stopped', async () => {
  const { clock, stop, session } = await setUp();
  stop(5_000);
  expect(session.leadsUntilMs).toBeLessThanOrEqual(clock.now());
});

test('leads for as long as the question, not the answer, is recent', async () => {
  const { clock, pass, client, session } = await setUp();
  const answered = Promise.withResolvers<typeof asTrue>();
  client.answer = () => answered.promise;
  const asking = session.query('something slow');
  await pass(8_000);
  answered.resolve(asTrue);
  await asking;
  expect(session.leadsUntilMs).toBe(5_000);
  client.answer = async () => asTrue;
  await session.confirmLead();
  expect(session.leadsUntilMs).toBe(clock.now() + 5_000);
  await session.confirmLead();
  expect(client.beats()).toBe(1);
});

test('is over when the database is silent, and asks nothing more', async () => {
  const { pass, client, session, timers } = await setUp();
  client.answer = () => new Promise(() => undefined);
  await pass(5_500);
  expect(session.lost.aborted).toBe(false);
  await pass(1_000);
  expect(session.lost.reason).toEqual(new Error('the database did not answer for 5000 ms'));
  expect(client.released).toEqual(['the database did not answer for 5000 ms']);
  expect([session.isLeader, session.leadsUntilMs]).toEqual([false, Number.NEGATIVE_INFINITY]);
  await expect(session.query('something')).rejects.toThrow('did not answer');
  expect([client.beats(), timers()]).toEqual([1, 0]);
});

test('is over with its connection, whatever that says later', async () => {
  const { pass, client, session, timers } = await setUp();
  client.emit('error', new Error('terminated'));
  client.emit('error', new Error('and closed'));
  expect(timers()).toBe(0);
  await pass(5_000);
  expect(client.released).toEqual(['terminated']);
  expect([session.isLeader, client.beats()]).toEqual([false, 0]);
});
