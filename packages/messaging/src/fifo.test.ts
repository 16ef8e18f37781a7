import { expect, test } from 'vitest';
import { Fifo } from './fifo.ts';

test('gives back what went in, in the same order, however pushes and shifts are mixed', () => {
  const fifo = new Fifo<number>();
  const seen: (number | undefined)[] = [];
  let next = 0;
  for (let round = 0; round < 200; round += 1) {
    for (let i = 0; i < round % 7; i += 1) fifo.push(next++);
    for (let i = 0; i < round % 5 && fifo.length > 0; i += 1) {
      expect(fifo.peek()).toBe(seen.length);
      seen.push(fifo.shift());
    }
  }
  while (fifo.length > 0) seen.push(fifo.shift());
  expect(seen).toEqual(Array.from({ length: next }, (_, i) => i));
});

test('an empty one has nothing to look at or to give', () => {
  const fifo = new Fifo<number>();
  expect([fifo.peek(), fifo.shift(), fifo.length]).toEqual([undefined, undefined, 0]);
});
