import assert from 'node:assert/strict';
import { createMessaging, defineTopic } from '@shopgpt/messaging';
import { memory, memoryBroker } from '@shopgpt/messaging/memory';
import { z } from 'zod';

const broker = memoryBroker();
const messaging = createMessaging({ name: 'test', driver: memory({ broker }) });
const orders = defineTopic({ name: 'orders', partitions: 1, schema: z.string() });
await messaging.provision([orders]);

// Five answers are lost after the broker has written.
broker.dropResponses({ api: 'produce', times: 5 });
const { offset } = await messaging.send(orders, 'o1');

assert.equal(offset, 0);
assert.equal(broker.log({ topic: 'orders', partition: 0 }).length, 1);
console.log('written once');
await messaging.close();
