import { expect, test } from 'vitest';
import type { UserEvent } from '../users/events.ts';
import { RecentEvents } from './recent.ts';

const event = (id: string): UserEvent => ({
  ...{ type: 'user.created', id, userId: 'u', version: 1 },
  at: '2026-01-01T00:00:00.000Z',
});
const ids = (recent: RecentEvents) => recent.list().map(({ id }) => id);

test('knows the last ones, the newest first', () => {
  const recent = new RecentEvents(2);
  for (const id of ['a', 'b', 'c']) recent.add(event(id));
  expect(ids(recent)).toEqual(['c', 'b']);
});

test('shows one that comes twice once', () => {
  const recent = new RecentEvents(3);
  for (const id of ['a', 'b', 'a']) recent.add(event(id));
  expect(ids(recent)).toEqual(['b', 'a']);
});
