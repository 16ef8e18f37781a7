import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { memory } from '../memory/driver.ts';
import { memoryBroker } from '../memory/index.ts';
import { createMessaging } from '../messaging.ts';
import { texts } from '../testing/contract/world.ts';
import { manualClock } from '../testing/manual-clock.ts';
import { relay } from './relay.ts';

const row = {
  sequence: '1',
  id: 'id',
  aggregatetype: 't',
  key: null,
  payload: Buffer.from('"hello"'),
  headers: '[]',
  created_ms: '0',
  is_settled: true,
};

/** A database with one row, which it takes so long to find. */
function slowDatabase(clock: ReturnType<typeof manualClock>, ms: number) {
  let rows = [row];
  return Object.assign(new EventEmitter(), {
    release: () => undefined,
    async query(text: string) {
      if (text.includes('pg_try_advisory_lock'))
        return { rows: [{ is_leader: true }], rowCount: 1 };
      if (text.startsWith('delete')) rows = [];
      if (!text.includes('is_settled')) return { rows: [], rowCount: 0 };
      await new Promise<void>((resolve) => clock.after(ms, resolve));
      return { rows, rowCount: rows.length };
    },
  });
}

test('sends what a slow database has found, once that says again that the relay leads', async () => {
  const clock = manualClock();
  const broker = memoryBroker({ clock });
  const driver = memory({ broker });
  const messaging = createMessaging({ name: 'test', driver, clock });
  void driver.admin.create({ name: 't', partitions: 1, config: {} });
  await clock.pass(10);
  const client = slowDatabase(clock, 20_000);
  const one = relay({ pool: { connect: async () => client }, messaging, clock });
  await one.start();
  await clock.pass(21_000);
  expect(texts(broker.log({ topic: 't', partition: 0 }))).toEqual(['"hello"']);
  expect(one.stats()).toMatchObject({ sent: 1, failedBatches: 0, connectionFailures: 0 });
  const closing = Promise.all([one.close(), messaging.close()]);
  await clock.pass(30_000);
  await closing;
});
