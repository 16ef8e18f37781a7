import { readFileSync } from 'node:fs';
import path from 'node:path';
import { encodeMessage } from '@shopgpt/messaging';
import { outboxSchema } from '@shopgpt/messaging/postgres';
import { expect, test } from 'vitest';
import { userCreated, userDeleted, userEvents, userEventsOn, userUpdated } from './events.ts';
import { uuidV7 } from './id.ts';

const user = {
  id: uuidV7(),
  email: 'ann@example.com',
  name: 'Ann',
  version: 4,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-02T00:00:00.000Z',
};
const about = { id: expect.any(String), userId: user.id, version: 4, at: user.updatedAt };

test('an event says who, what, which version and when', () => {
  expect(userCreated(user)).toEqual({ type: 'user.created', ...about });
  expect(userDeleted(user)).toEqual({ type: 'user.deleted', ...about });
  expect(userUpdated(user, { name: 'Anna' })).toEqual({
    ...{ type: 'user.updated', ...about },
    changed: ['name'],
  });
  expect(userUpdated(user, { name: 'Anna', email: 'anna@example.com' })).toMatchObject({
    changed: ['email', 'name'],
  });
  expect(userCreated(user).id).not.toBe(userCreated(user).id);
});

test.each([userCreated(user), userUpdated(user, { email: 'x@example.com' }), userDeleted(user)])(
  'what is written of $type has the key of the user and no address and no name',
  async (event) => {
    const { key, value } = await encodeMessage(userEvents, event);
    expect(Buffer.from(key ?? '').toString()).toBe(user.id);
    const text = Buffer.from(value ?? '').toString();
    expect(text).not.toMatch(/ann|example\.com/i);
    expect(JSON.parse(text)).toEqual(event);
  },
);

test('an event of a later version of this service, with a field more, is still read', async () => {
  const read = await userEvents.schema['~standard'].validate({ ...userCreated(user), reason: 'x' });
  expect(read).not.toHaveProperty('issues');
});

test.each([
  [1, '1'],
  [2, '2'],
  [3, '2'],
])('on %i brokers %s have to confirm an event', (brokers, minimum) => {
  expect(userEventsOn(brokers)).toMatchObject({
    ...{ name: 'user-events', partitions: 20, replicationFactor: brokers },
    config: { 'min.insync.replicas': minimum, 'retention.ms': '604800000' },
  });
});

test('the outbox is made as the package wants it', () => {
  const file = path.resolve(import.meta.dirname, '../../migrations/0002-outbox.sql');
  const statements = readFileSync(file, 'utf8').replace(/^(--.*\n)+/, '');
  expect(statements).toBe(outboxSchema());
});
