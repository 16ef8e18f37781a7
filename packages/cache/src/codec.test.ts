import vm from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { json } from './codec.ts';

const codec = json();
const roundTrip = (value: unknown) => codec.decode(codec.encode(value, 'k'), 'k');

test.each([
  [null],
  [0],
  [-0],
  [1.5e300],
  [''],
  [false],
  [Number.NaN],
  [Number.POSITIVE_INFINITY],
  [Number.NEGATIVE_INFINITY],
  ['NaN'],
  ['-0'],
  [[]],
  [{ a: [null, { b: 'ü\ud800' }] }],
])('gives %j back as it was', (value) => {
  expect(roundTrip(value)).toStrictEqual(value);
});

test.each(['toString', 'valueOf', '__proto__', ''])('takes %j for no bytes of its own', (text) => {
  expect(() => codec.decode(Buffer.from(text), 'k')).toThrow(SyntaxError);
});

test('gives any JSON value back as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.stringify(roundTrip(value))).toBe(JSON.stringify(value));
    }),
  );
});

class Money {
  amount = 1;
}

const circle: { self?: object } = {};
circle.self = circle;

test.each([
  ['a Date', new Date(0), 'value is a Date'],
  ['a Date inside', { rows: [{ createdAt: new Date(0) }] }, 'value.rows[0].createdAt is a Date'],
  ['a Map', { m: new Map() }, 'value.m is a Map'],
  ['bytes', Uint8Array.of(1), 'value is a Uint8Array'],
  ['a bigint', { id: 1n }, 'value.id is a bigint'],
  ['undefined inside', { name: undefined }, 'value.name is undefined'],
  ['a hole in an array', new Array(1), 'value[0] is undefined'],
  ['undefined', undefined, 'value is undefined'],
  ['a function', { toJSON: () => 1 }, 'value.toJSON is a function'],
  ['a symbol', [Symbol('s')], 'value[0] is a symbol'],
  ['NaN inside', { price: Number.NaN }, 'value.price is NaN'],
  ['a class instance', [new Money()], 'value[0] is a Money'],
  ['an object that contains itself', circle, 'more than 500 levels deep'],
  ['a Date of another realm', vm.runInNewContext('new Date()'), 'value is a Date'],
])('refuses %s, and says where it is', (_what, value, message) => {
  expect(() => codec.encode(value, 'k')).toThrowError(
    expect.objectContaining({
      code: 'ERR_CACHE_NOT_CACHEABLE',
      message: expect.stringContaining(message),
    }),
  );
});

test('carries plain objects of another realm and without a prototype', () => {
  expect(roundTrip(vm.runInNewContext('({ a: [1] })'))).toEqual({ a: [1] });
  expect(roundTrip(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: 1 });
});
