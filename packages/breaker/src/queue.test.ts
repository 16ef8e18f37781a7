import { expect, test } from 'vitest';
import { Queue } from './queue.ts';

function values(queue: Queue<string>): string[] {
  const found: string[] = [];
  for (let place = queue.first; place; place = place.next) found.push(place.value);
  return found;
}

test('a queue keeps its order, whoever leaves it, and however often', () => {
  const queue = new Queue<string>();
  const [a, b, c] = ['a', 'b', 'c'].map((value) => queue.join(value));
  if (!a || !b || !c) throw new Error('three places');
  queue.leave(b);
  queue.leave(b);
  expect([values(queue), queue.size]).toEqual([['a', 'c'], 2]);
  queue.leave(a);
  queue.join('d');
  queue.leave(a);
  expect([values(queue), queue.size]).toEqual([['c', 'd'], 2]);
  queue.leave(c);
  expect([values(queue), queue.size]).toEqual([['d'], 1]);
});
