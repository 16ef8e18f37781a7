import { createMessaging, defineTopic } from '@shopgpt/messaging';
import { memory, memoryBroker } from '@shopgpt/messaging/memory';
import { afterEach, expect, test, vi } from 'vitest';
import { userEventsOn } from '../users/events.ts';
import { beginProvisioning } from './provision.ts';

const topic = userEventsOn(1);
const broker = memoryBroker();
let open: ReturnType<typeof createMessaging>[] = [];
afterEach(async () => {
  await Promise.all(open.map((messaging) => messaging.close()));
  open = [];
});

function setUp(aBroker = memoryBroker()) {
  const messaging = createMessaging({ name: 'test', driver: memory({ broker: aBroker }) });
  open.push(messaging);
  const log = { info: vi.fn(), warn: vi.fn() };
  const pauses: number[] = [];
  const pause = async (ms: number) => void pauses.push(ms);
  const stopping = new AbortController();
  const { signal } = stopping;
  return { messaging, log, pauses, stopping, options: { topic, log, signal, pause } };
}

test('makes the topic and its dead letters, and says so', async () => {
  const { messaging, log, options } = setUp(broker);
  await beginProvisioning(messaging, options);
  expect(log.warn).not.toHaveBeenCalled();
  expect(log.info).toHaveBeenCalledWith(
    { plan: [expect.stringMatching(/^create +user-events: /), expect.stringContaining('.dlq')] },
    'the topic is ready',
  );
  expect((await messaging.provision([topic], { dryRun: true })).text).toMatch(/^ok +user-events/);
});

test('tells how the topic of the cluster differs, and leaves it as it is', async () => {
  const { messaging, log, options } = setUp();
  const { schema } = topic;
  const other = defineTopic({ name: topic.name, partitions: 2, schema });
  await messaging.provision([other]);
  await beginProvisioning(messaging, options);
  expect(log.info).not.toHaveBeenCalled();
  expect(log.warn).toHaveBeenCalledWith(
    { plan: expect.arrayContaining([expect.stringContaining('has 2 partitions, wanted 20')]) },
    'the topic differs from what this service expects',
  );
});

test('does not try to take partitions away, and says so once', async () => {
  const { messaging, log, pauses, options } = setUp();
  await messaging.provision([
    defineTopic({ name: topic.name, partitions: 21, schema: topic.schema }),
  ]);
  await beginProvisioning(messaging, options);
  expect(log.warn).toHaveBeenCalledOnce();
  expect(pauses).toEqual([]);
});

test('keeps nobody waiting while the cluster is away, tells it once, and goes on until it is there', async () => {
  const { log, pauses, options } = setUp();
  const away = () => Promise.reject(new Error('away'));
  const plan = { steps: [], isApplied: true, text: 'ok\n' };
  const provision = vi.fn().mockImplementationOnce(away).mockImplementationOnce(away);
  provision.mockImplementationOnce(away).mockResolvedValue(plan);
  await beginProvisioning({ provision }, options);
  await vi.waitFor(() => expect(log.info).toHaveBeenCalledOnce());
  expect(provision).toHaveBeenCalledTimes(4);
  expect(pauses).toHaveLength(3);
  expect(log.warn).toHaveBeenCalledOnce();
});

test('ends with the service', async () => {
  const { stopping, log, options } = setUp();
  const provision = vi.fn(() => Promise.reject(new Error('away')));
  const pause = async () => stopping.abort();
  await beginProvisioning({ provision }, { ...options, pause });
  await vi.waitFor(() => expect(stopping.signal.aborted).toBe(true));
  expect(provision).toHaveBeenCalledOnce();
  expect(log.info).not.toHaveBeenCalled();
});
