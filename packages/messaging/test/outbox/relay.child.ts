// A relay in a process of its own; what it sends goes to the brokers that are named, or else to the parent.
import { createMessaging } from '@shopgpt/messaging';
import { kafkajs } from '@shopgpt/messaging/kafkajs';
import { relay } from '@shopgpt/messaging/postgres';
import { Kafka } from 'kafkajs';
import pg from 'pg';
import { parentDriver, tell } from './parent-driver.ts';

const [url = '', table = '', partitions = '1', brokers = ''] = process.argv.slice(2);
process.on('disconnect', () => process.exit());

const pool = new pg.Pool({ connectionString: url, max: 1 });
pool.on('error', () => undefined);
const driver = brokers
  ? kafkajs(new Kafka({ brokers: brokers.split(',') }))
  : parentDriver(Number(partitions));
const messaging = createMessaging({ name: 'child', driver });
const one = relay({ pool, messaging, table });
await one.start();
let wasLeader = false;
setInterval(() => {
  const { isLeader } = one.stats();
  if (isLeader !== wasLeader) tell({ kind: isLeader ? 'leads' : 'follows' });
  wasLeader = isLeader;
}, 20);
