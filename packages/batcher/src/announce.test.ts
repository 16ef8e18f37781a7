import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, test } from 'vitest';
import { createBatcher } from './index.ts';

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
const process = (items: readonly number[]) => items;

test('an observer who comes late finds the batcher, until it is closed', async () => {
  const batcher = createBatcher({ process, name: 'late' });
  await batcher.add(1);
  const component = registered().find(({ name }) => name === 'late');
  expect(component).toMatchObject({ kind: 'batcher' });
  expect(component?.stats()).toEqual(batcher.stats());
  await batcher.close();
  expect(registered().some(({ name }) => name === 'late')).toBe(false);
});

test('an observer who is early hears of it', () => {
  const heard: unknown[] = [];
  const listener = (message: unknown) => heard.push(message);
  subscribe('shopgpt:component', listener);
  createBatcher({ process, name: 'early' });
  unsubscribe('shopgpt:component', listener);
  createBatcher({ process, name: 'unheard' });
  expect(heard).toMatchObject([{ kind: 'batcher', name: 'early' }]);
});
