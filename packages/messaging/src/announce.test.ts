import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, test } from 'vitest';
import { memory } from './memory/index.ts';
import { createMessaging } from './messaging.ts';

interface Seen {
  readonly kind: string;
  readonly name: string;
  stats(): object;
}

const registered = (): Seen[] => {
  const shared: object = globalThis;
  const refs: Set<WeakRef<Seen>> = Reflect.get(shared, Symbol.for('shopgpt.components'));
  return [...refs].flatMap((ref) => ref.deref() ?? []);
};

test('an observer who comes late finds it, until it is closed', async () => {
  const messaging = createMessaging({ name: 'late', driver: memory() });
  const component = registered().find(({ name }) => name === 'late');
  expect(component).toMatchObject({ kind: 'messaging' });
  expect(component?.stats()).toEqual(messaging.stats());
  await messaging.close();
  expect(registered().some(({ name }) => name === 'late')).toBe(false);
});

test('an observer who is early hears of it', async () => {
  const heard: unknown[] = [];
  const listener = (message: unknown) => heard.push(message);
  subscribe('shopgpt:component', listener);
  const messaging = createMessaging({ name: 'early', driver: memory() });
  unsubscribe('shopgpt:component', listener);
  await messaging.close();
  expect(heard).toMatchObject([{ kind: 'messaging', name: 'early' }]);
});
