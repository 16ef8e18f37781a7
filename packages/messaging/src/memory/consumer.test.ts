import { expect, test } from 'vitest';
import { TestQueue } from '../testing/contract/test-queue.ts';
import { bytes, record, texts } from '../testing/contract/world.ts';
import { manualClock } from '../testing/manual-clock.ts';
import { memoryBroker } from './broker.ts';
import { memory } from './driver.ts';

test('a seek also holds for records that came along with those of another partition', async () => {
  const clock = manualClock();
  const driver = memory({ broker: memoryBroker({ clock }) });
  const producer = driver.producer({ compression: 'none', maxBatchBytes: 1_000_000 });
  const other = { topic: 't', partition: 1 };
  const written = (async () => {
    await driver.admin.create({ name: 't', partitions: 2, config: {} });
    for (const [partition, sent] of [['a'], ['x', 'y']].entries()) {
      const queue = new TestQueue({ topic: 't', partition });
      const answers = sent.map((text) => queue.add(record({ value: bytes(text) })));
      producer.offer(queue);
      await Promise.all(answers);
    }
  })();
  await clock.pass(1_000);
  await written;
  const times = { sessionTimeoutMs: 300, rebalanceTimeoutMs: 1_000 };
  const consumer = driver.consumer({ group: 'g', topics: ['t'], from: 'earliest', ...times });
  const read: string[] = [];
  const running = consumer.run({
    assigned: () => undefined,
    revoking: async () => undefined,
    lost: () => undefined,
    trouble: () => undefined,
    records: (partition, records) => {
      read.push(...texts(records));
      if (partition.partition === 0) consumer.seek(other, 1);
    },
  });
  await clock.pass(100);
  expect(read).toEqual(['a', 'y']);
  const stopped = consumer.stop();
  await clock.pass(5_000);
  await Promise.all([stopped, running]);
});
