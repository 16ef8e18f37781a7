import { expect, test } from 'vitest';
import { Flights } from './flights.ts';

function open() {
  const flights = new Flights<string>(() => 7);
  const begin = (key: string) => {
    const work = Promise.withResolvers<string>();
    return { ...work, flight: flights.begin(key, () => work.promise) };
  };
  return { flights, begin };
}

test('a flight can be joined until it has landed', async () => {
  const { flights, begin } = open();
  const { flight, resolve } = begin('a');
  expect(flight.epoch).toBe(7);
  expect(flights.joinable('a')).toBe(flight);
  expect(flights.joinable('b')).toBeUndefined();
  resolve('value');
  expect(await flight.result).toBe('value');
  expect(flights.joinable('a')).toBeUndefined();
  expect(flights.all()).toEqual([]);
});

test('a flight that lands late leaves the later one of its key alone', async () => {
  const { flights, begin } = open();
  const [early, late] = [begin('a'), begin('a')];
  early.reject(new Error('no'));
  await expect(early.flight.result).rejects.toThrow('no');
  expect(flights.all()).toEqual([late.flight]);
});

test('a flight that is fenced, or has a tag that is over, is joined no more', () => {
  const { flights, begin } = open();
  const { flight } = begin('a');
  flights.fence('b');
  flight.tags = [{ tag: 't', id: '1', order: 1, checkedAt: 0, isOver: true }];
  expect(flights.joinable('a')).toBeUndefined();
  flight.tags = [];
  expect(flights.joinable('a')).toBe(flight);
  flights.fence('a');
  expect(flight.isFenced).toBe(true);
  expect(flights.joinable('a')).toBeUndefined();
});
