import { expect, test } from 'vitest';
import { memoryBroker } from '../memory/broker.ts';
import { memory } from '../memory/driver.ts';
import { bytes, record, texts } from '../testing/contract/world.ts';
import { manualClock } from '../testing/manual-clock.ts';
import { partitionForKey } from '../topics/murmur2.ts';
import { RelaySender } from './relay-sender.ts';

async function setUp() {
  const clock = manualClock();
  const broker = memoryBroker({ clock });
  const driver = memory({ broker });
  for (const name of ['a', 'b']) void driver.admin.create({ name, partitions: 4, config: {} });
  await clock.pass(10);
  const sender = new RelaySender(driver, clock);
  const row = (topic: string, key: string | null, value: string) => ({
    sequence: value,
    id: value,
    topic,
    record: record({ key: key === null ? null : bytes(key), value: bytes(value) }),
  });
  const log = (topic: string, key: string) =>
    texts(broker.log({ topic, partition: partitionForKey(bytes(key), 4) }));
  return { clock, broker, sender, row, log };
}

const lead = { leadsUntilMs: Number.POSITIVE_INFINITY };
const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id).sort();

test('sends rows of several topics, each to the partition of its key', async () => {
  const { clock, sender, row, log } = await setUp();
  const rows = [row('a', 'k', '1'), row('b', 'k', '2'), row('a', 'k', '3')];
  const sending = sender.send(rows, lead);
  await clock.pass(100);
  const { sent, failures } = await sending;
  expect([ids(sent), failures.size]).toEqual([['1', '2', '3'], 0]);
  expect([log('a', 'k'), log('b', 'k')]).toEqual([['1', '3'], ['2']]);
  expect(clock.timers).toBe(0);
});

test('sends rows without a key to one partition a batch', async () => {
  const { clock, broker, sender, row } = await setUp();
  const sending = sender.send([row('a', null, '1'), row('a', null, '2')], lead);
  await clock.pass(100);
  expect((await sending).sent).toHaveLength(2);
  const logs = [0, 1, 2, 3].map((partition) => texts(broker.log({ topic: 'a', partition })));
  expect(logs.filter(({ length }) => length > 0)).toEqual([['1', '2']]);
});

test('a topic that fails is named with its reason, and the other is sent', async () => {
  const { clock, broker, sender, row } = await setUp();
  const no = new Error('no');
  broker.refuse({ api: 'produce', topic: 'a' }, no);
  const sending = sender.send(
    [row('a', 'k', '1'), row('missing', 'k', '2'), row('b', 'k', '3')],
    lead,
  );
  await clock.pass(100);
  const { sent, failures } = await sending;
  expect(ids(sent)).toEqual(['3']);
  expect([...failures.keys()].sort()).toEqual(['a', 'missing']);
  expect(failures.get('a')).toBe(no);
});

test('gives up what is not delivered in half a minute', async () => {
  const { clock, broker, sender, row } = await setUp();
  broker.refuse({ api: 'produce' });
  let isOver = false;
  const sending = sender.send([row('a', 'k', '1')], lead).finally(() => {
    isOver = true;
  });
  await clock.pass(29_000);
  expect(isOver).toBe(false);
  await clock.pass(3_000);
  expect([...(await sending).failures.keys()]).toEqual(['a']);
});

test('ends what is under way when it is ended, and sends nothing later', async () => {
  const { clock, broker, sender, row } = await setUp();
  broker.delay(60_000, { api: 'produce' });
  const sending = sender.send([row('a', 'k', '1')], lead);
  await clock.pass(100);
  await sender.end();
  await clock.pass(10);
  expect((await sending).sent).toEqual([]);
  const late = sender.send([row('b', 'k', '2')], lead);
  await clock.pass(10);
  expect((await late).failures.get('b')).toEqual(new Error('the relay no longer leads'));
});

test('tries for as long as the relay surely leads, and no longer', async () => {
  const { clock, broker, sender, row } = await setUp();
  broker.refuse({ api: 'produce' });
  const moving = { leadsUntilMs: 1_000 };
  let isOver = false;
  const sending = sender.send([row('a', 'k', '1')], moving).finally(() => {
    isOver = true;
  });
  await clock.pass(500);
  moving.leadsUntilMs = 5_000;
  await clock.pass(4_000);
  expect(isOver).toBe(false);
  await clock.pass(1_500);
  expect(isOver).toBe(true);
  expect([...(await sending).failures.keys()]).toEqual(['a']);
});
