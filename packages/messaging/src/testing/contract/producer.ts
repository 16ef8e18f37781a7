import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import type { Compression } from '../../driver.ts';
import { UnknownTopicError } from '../../errors.ts';
import type { RawRecord } from '../../record.ts';
import type { Contract } from '../driver-contract.ts';
import { type Answer, TestQueue } from './test-queue.ts';
import { bytes, numbered, plain, record, texts } from './world.ts';

/** What every driver's producer must do. */
export function producerContract(contract: Contract): void {
  contract('writes each record once, in order, and says where it is', async (world) => {
    const topic = await world.topic();
    const expected = numbered(500);
    const offsets = await world.write(topic, expected);
    const stored = await world.read(topic);
    assert.deepEqual(texts(stored), expected);
    assert.deepEqual(
      offsets,
      stored.map(({ offset }) => offset),
    );
  });

  contract('loses and repeats nothing however often a queue is offered', async (world) => {
    const topic = await world.topic();
    const producer = world.producer();
    const queue = new TestQueue({ topic, partition: 0 });
    const expected = numbered(300);
    const offsets: Promise<number>[] = [];
    for (const text of expected) {
      offsets.push(queue.addWritten(record({ value: bytes(text) })));
      producer.offer(queue);
      if (offsets.length % 50 === 0) await offsets[offsets.length - 25];
    }
    await Promise.all(offsets);
    assert.deepEqual(texts(await world.read(topic)), expected);
  });

  contract('keeps partitions apart, each in its order', async (world) => {
    const topic = await world.topic(5);
    const producer = world.producer();
    assert.equal(await producer.partitionsOf(topic), 5);
    const written = numbered(5).map(async (name, partition) => {
      const queue = new TestQueue({ topic, partition });
      const offsets = numbered(100, `${name}:`).map((text) =>
        queue.addWritten(record({ value: bytes(text) })),
      );
      producer.offer(queue);
      return Promise.all(offsets);
    });
    await Promise.all(written);
    for (let partition = 0; partition < 5; partition += 1) {
      assert.deepEqual(texts(await world.read(topic, partition)), numbered(100, `${partition}:`));
    }
  });

  contract('asks for no more bytes at once than it was told', async (world) => {
    const topic = await world.topic();
    const producer = world.producer({ maxBatchBytes: 2_000 });
    const queue = new TestQueue({ topic, partition: 0 });
    const offsets = numbered(50).map((text) => queue.addWritten(record({ value: bytes(text) })));
    producer.offer(queue);
    await Promise.all(offsets);
    assert.ok(queue.asked.every((maxBytes) => maxBytes > 0 && maxBytes <= 2_000));
    assert.equal((await world.read(topic)).length, 50);
  });

  contract('keeps every byte of a record, and tells null from empty', async (world) => {
    const topic = await world.topic();
    const producer = world.producer();
    const queue = new TestQueue({ topic, partition: 0 });
    const offsets = oddRecords.map((odd) => queue.addWritten(odd));
    producer.offer(queue);
    await Promise.all(offsets);
    assert.deepEqual((await world.read(topic)).map(plain), oddRecords.map(plain));
  });

  contract('shares no memory with who wrote', async (world) => {
    const topic = await world.topic();
    const producer = world.producer();
    const queue = new TestQueue({ topic, partition: 0 });
    const value = bytes('before');
    const header = bytes('before');
    const written = queue.addWritten(record({ value, headers: [['h', header]] }));
    producer.offer(queue);
    await written;
    value.fill(0);
    header.fill(0);
    const [stored] = await world.read(topic);
    assert.ok(stored);
    assert.deepEqual(texts([stored]), ['before']);
    assert.deepEqual([...(stored.headers[0]?.[1] ?? [])], [...bytes('before')]);
  });

  contract('fails a record that is too large, and only that one', async (world) => {
    const topic = await world.topic(1, { 'max.message.bytes': '20000' });
    const producer = world.producer();
    const queue = new TestQueue({ topic, partition: 0 });
    const noise = gzipSync(Buffer.from(numbered(20_000).join('/')));
    const small = () => record({ value: noise.subarray(0, 8_000) });
    const answers = [small(), small(), record({ value: noise.subarray(0, 30_000) }), small()].map(
      (one) => queue.add(one),
    );
    producer.offer(queue);
    assert.deepEqual((await Promise.all(answers)).map(told), [
      'written',
      'written',
      'failed, not written',
      'written',
    ]);
    assert.equal((await world.read(topic)).length, 3);
  });

  contract('says that there is no such topic', async (world) => {
    const producer = world.producer();
    const missing = world.group();
    await assert.rejects(async () => producer.partitionsOf(missing), UnknownTopicError);
  });

  contract('does not wait for a topic on behalf of who has given up', async (world) => {
    const producer = world.producer();
    const topic = await world.topic();
    const reason = new Error('given up');
    const asked = (async () => producer.partitionsOf(topic, AbortSignal.abort(reason)))();
    await assert.rejects(asked, reason);
  });

  contract('fails what is for a topic that is not there, as not written', async (world) => {
    const producer = world.producer();
    const queue = new TestQueue({ topic: world.group(), partition: 0 });
    const answer = queue.add(record({ value: bytes('lost') }), performance.now() + 2_000);
    producer.offer(queue);
    assert.equal(told(await answer), 'failed, not written');
  });

  contract('takes nothing any more once it is closed', async (world) => {
    const topic = await world.topic();
    const producer = world.producer();
    await producer.partitionsOf(topic);
    await producer.close();
    const queue = new TestQueue({ topic, partition: 0 });
    void queue.add(record({ value: bytes('late') }));
    producer.offer(queue);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(queue.length, 1);
    assert.deepEqual(await world.read(topic), []);
  });
}

/** Every codec that the driver says it has. */
export function compressionContract(contract: Contract, codecs: readonly Compression[]): void {
  for (const compression of codecs) {
    contract(`what is compressed with ${compression} reads the same`, async (world) => {
      const topic = await world.topic();
      const producer = world.producer({ compression });
      const queue = new TestQueue({ topic, partition: 0 });
      const offsets = [...oddRecords, record({ value: bytes('x'.repeat(50_000)) })].map((one) =>
        queue.addWritten(one),
      );
      producer.offer(queue);
      await Promise.all(offsets);
      const stored = await world.read(topic);
      assert.deepEqual(stored.slice(0, -1).map(plain), oddRecords.map(plain));
      assert.equal(stored.at(-1)?.value?.length, 50_000);
    });
  }
}

/** What is true of records while the cluster is away. */
export function outageContract(contract: Contract): void {
  contract(
    'waits for a cluster that is away, and then writes each record once',
    async (world, outage) => {
      const topic = await world.topic();
      const producer = world.producer();
      await producer.partitionsOf(topic);
      const queue = new TestQueue({ topic, partition: 0 });
      const expected = numbered(200);
      const answers = expected.map((text, i) => {
        const answer = queue.addWritten(record({ value: bytes(text) }));
        if (i % 40 === 0) producer.offer(queue);
        return answer;
      });
      await outage.begin();
      await new Promise((resolve) => setTimeout(resolve, 300));
      await outage.end();
      await Promise.all(answers);
      assert.deepEqual(texts(await world.read(topic)), expected);
    },
  );

  contract('gives up at the deadline, and says what is true', async (world, outage) => {
    const topic = await world.topic();
    const producer = world.producer();
    await producer.partitionsOf(topic);
    const queue = new TestQueue({ topic, partition: 0 });
    await outage.begin();
    const before = numbered(10, 'before').map(async (text) => ({
      text,
      answer: await queue.add(record({ value: bytes(text) }), performance.now() + 500),
    }));
    producer.offer(queue);
    const answers = await Promise.all(before);
    await outage.end();
    const after = numbered(10, 'after').map((text) =>
      queue.addWritten(record({ value: bytes(text) })),
    );
    producer.offer(queue);
    await Promise.all(after);
    const stored = texts(await world.read(topic));
    assert.deepEqual(stored.slice(-10), numbered(10, 'after'));
    for (const { text, answer } of answers) {
      assert.equal(answer.kind, 'failed');
      if (told(answer) === 'failed, not written') assert.ok(!stored.includes(text));
    }
  });

  contract('fails what is not written yet when it is closed', async (world, outage) => {
    const topic = await world.topic();
    const producer = world.producer();
    await producer.partitionsOf(topic);
    const queue = new TestQueue({ topic, partition: 0 });
    await outage.begin();
    const answer = queue.add(record({ value: bytes('late') }));
    producer.offer(queue);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await producer.close();
    const kind = queue.length > 0 ? 'never taken' : (await answer).kind;
    await outage.end();
    assert.notEqual(kind, 'written');
  });
}

function told(answer: Answer): string {
  if (answer.kind === 'written') return 'written';
  return answer.maybeWritten ? 'failed, perhaps written' : 'failed, not written';
}

const all256 = Uint8Array.from({ length: 256 }, (_, i) => i);

/** What serialisation is easily wrong about. */
const oddRecords: readonly RawRecord[] = [
  record({}),
  record({ key: new Uint8Array(0), value: new Uint8Array(0) }),
  record({ key: all256, value: all256, timestamp: 1_700_000_000_123 }),
  record({ key: bytes('tombstone'), value: null }),
  record({
    value: bytes('headers'),
    headers: [
      ['same', bytes('first')],
      ['other', all256],
      ['same', bytes('second')],
      ['null', null],
      ['empty', new Uint8Array(0)],
      ['ü', bytes('ü')],
    ],
  }),
];
