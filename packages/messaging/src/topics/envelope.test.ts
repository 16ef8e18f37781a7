import { runInNewContext } from 'node:vm';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { SchemaError, type SchemaProblem } from '../errors.ts';
import type { RawHeader } from '../record.ts';
import { decodeMessage, encodeMessage } from './envelope.ts';
import { textHeader } from './headers.ts';
import { defineTopic } from './topic.ts';

const Order = z.object({
  id: z.string().trim(),
  items: z.array(z.object({ price: z.number() })).default([]),
  at: z.string().transform((text) => new Date(text)),
});
const orders = defineTopic({ name: 'orders', partitions: 6, schema: Order, key: (m) => m.id });
const order = { id: ' o1', at: '2026-11-22T00:00:00.000Z' };

const loose = defineTopic({ name: 'loose', partitions: 1, schema: z.unknown() });
const version = (value: string | number): RawHeader => textHeader('x-version', value);
const text = (value: string | null, headers: RawHeader[] = []) => ({
  value: value === null ? null : Buffer.from(value),
  headers,
});

async function problemOf(work: Promise<unknown>): Promise<SchemaError> {
  const error: unknown = await work.then(() => undefined).catch((reason: unknown) => reason);
  if (error instanceof SchemaError) return error;
  throw new Error(`expected a SchemaError, got ${error}`);
}

describe('writing', () => {
  test('a message is written as it was given, keyed by what the schema makes of it', async () => {
    const { key, value, headers } = await encodeMessage(orders, order);
    expect(String(key)).toBe('o1');
    expect(JSON.parse(String(value))).toEqual(order);
    expect(headers).toEqual([]);
  });

  test('what the schema refuses is not written, and each issue has its path', async () => {
    const bad = { id: 'o1', at: '', items: [{ price: 1 }, { price: Number('x') }] };
    const error = await problemOf(encodeMessage(orders, bad));
    expect(error).toMatchObject({ code: 'ERR_MESSAGING_SCHEMA', topic: 'orders' });
    expect(error.problem).toBe('invalid' satisfies SchemaProblem);
    expect(error.issues.map(({ path }) => path)).toEqual(['message.items[1].price']);
    expect(error.message).toContain('message.items[1].price');
  });

  test.each([
    ['undefined', undefined, 'message'],
    ['undefined', [1, undefined], 'message[1]'],
    ['a bigint', { a: { total: 1n } }, 'message.a.total'],
    ['an instance of Date', { list: [{ at: new Date(0) }] }, 'message.list[0].at'],
    ['an instance of Map', { m: new Map() }, 'message.m'],
    ['NaN', { n: Number.NaN }, 'message.n'],
    ['Infinity', [[Number.POSITIVE_INFINITY]], 'message[0][0]'],
    ['a function', { f: () => 1 }, 'message.f'],
    ['an instance of Uint8Array', { b: new Uint8Array(1) }, 'message.b'],
  ])('JSON cannot carry %s, which says where it is', async (what, message, path) => {
    const error = await problemOf(encodeMessage(loose, message));
    expect(error.problem).toBe('unencodable');
    expect(error.issues).toEqual([
      { path, message: `is ${what}, which JSON cannot carry unchanged` },
    ]);
  });

  test('objects of another realm are plain, and its dates are none', async () => {
    const { value } = await encodeMessage(loose, runInNewContext('({ a: [{ b: 1 }] })'));
    expect(String(value)).toBe('{"a":[{"b":1}]}');
    const error = await problemOf(encodeMessage(loose, runInNewContext('({ at: new Date(0) })')));
    expect(error.issues.map(({ path }) => path)).toEqual(['message.at']);
  });

  test('any Standard Schema will do, whatever it makes its paths of', async () => {
    const schema: StandardSchemaV1<string> = {
      '~standard': {
        version: 1,
        vendor: 'somebody',
        validate: async (value) =>
          typeof value === 'string'
            ? { value }
            : { issues: [{ message: 'no', path: [{ key: 'items' }, 0, Symbol.for('s')] }] },
      },
    };
    const topic = defineTopic({ name: 'texts', partitions: 1, schema });
    expect(String((await encodeMessage(topic, 'a')).value)).toBe('"a"');
    const error = await problemOf(encodeMessage(topic, Object(1)));
    expect(error.issues).toEqual([{ path: 'message.items[0].Symbol(s)', message: 'no' }]);
  });

  test('a message that contains itself is refused', async () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    const error = await problemOf(encodeMessage(loose, circle));
    expect(error.message).toContain('more than 500 levels deep');
  });

  test('an optional property that is undefined is left out', async () => {
    const { value } = await encodeMessage(loose, { a: undefined, b: null, c: Object.create(null) });
    expect(String(value)).toBe('{"b":null,"c":{}}');
  });

  test('a key of null is none, whatever the topic would give', async () => {
    const topic = defineTopic({ name: 't', partitions: 1, schema: z.string(), key: () => 'k' });
    expect((await encodeMessage(topic, 'm', { key: null })).key).toBeNull();
    expect(String((await encodeMessage(topic, 'm')).key)).toBe('k');
  });

  test('null is a tombstone, which needs a key', async () => {
    const named = defineTopic({ name: 'n', partitions: 1, schema: z.string().nullable() });
    const { key, value } = await encodeMessage(named, null, { key: 'k' });
    expect([String(key), value]).toEqual(['k', null]);
    await expect(encodeMessage(named, null)).rejects.toThrow(
      new TypeError('a tombstone for "n" needs a key in the options'),
    );
    await problemOf(encodeMessage(orders, Object(null), { key: 'k' }));
  });

  test('headers are kept, and those of messaging are not for others to write', async () => {
    const bytes = new Uint8Array([1, 2]);
    const { headers } = await encodeMessage(orders, order, {
      headers: { tenant: 'möbel', bytes, nothing: null },
    });
    expect(headers).toEqual([
      ['tenant', Buffer.from('möbel')],
      ['bytes', bytes],
      ['nothing', null],
    ]);
    await expect(encodeMessage(orders, order, { headers: { 'x-version': '2' } })).rejects.toThrow(
      'headers["x-version"] is written by messaging',
    );
    const wrong = { headers: { n: Object(1) } };
    await expect(encodeMessage(orders, order, wrong)).rejects.toThrow(
      'headers["n"] must be text, bytes or null, got an instance of Number',
    );
  });

  test('a key of another kind is an error', async () => {
    const wrong = defineTopic({
      name: 'w',
      partitions: 1,
      schema: z.string(),
      key: () => Object(1),
    });
    await expect(encodeMessage(wrong, 'a')).rejects.toThrow(
      'a key of "w" must be text, bytes or null, got an instance of Number',
    );
  });

  test('an encoder may take its time, and its failure is the message of the error', async () => {
    const encode = async (message: string) => Buffer.from(message.toUpperCase());
    const decode = async (bytes: Uint8Array) => String(bytes).toLowerCase();
    const shouting = defineTopic({ name: 's', partitions: 1, schema: z.string(), encode, decode });
    const { value } = await encodeMessage(shouting, 'hello');
    expect(String(value)).toBe('HELLO');
    expect(await decodeMessage(shouting, { value, headers: [] })).toBe('hello');
    const broken = { ...shouting, encode: () => Promise.reject(new Error('registry is away')) };
    const error = await problemOf(encodeMessage(broken, 'hello'));
    expect(error).toMatchObject({ problem: 'unencodable', cause: { message: 'registry is away' } });
    const wrong = await problemOf(
      encodeMessage({ ...shouting, encode: () => Object('') }, 'hello'),
    );
    expect(wrong.message).toContain('encode must give bytes');
  });
});

describe('reading', () => {
  test('gives what the schema makes of it', async () => {
    const message = await decodeMessage(orders, await encodeMessage(orders, order));
    expect(message).toEqual({ id: 'o1', items: [], at: new Date('2026-11-22') });
    expectTypeOf(message.at).toEqualTypeOf<Date>();
    expectTypeOf(encodeMessage<{ at: string }>)
      .parameter(1)
      .toEqualTypeOf<{ at: string }>();
  });

  test('a tombstone is null', async () => {
    const named = defineTopic({ name: 'n', partitions: 1, schema: z.string().nullable() });
    expect(await decodeMessage(named, text(null))).toBeNull();
    expect((await problemOf(decodeMessage(orders, text(null)))).problem).toBe('invalid');
  });

  test.each([
    ['{"id":', [], 'undecodable'],
    ['"text"', [], 'invalid'],
    ['{}', [version('two')], 'undecodable'],
    ['{}', [version(0)], 'undecodable'],
    ['{}', [version(2)], 'newer'],
  ] as const)('%s with headers %j is a SchemaError', async (value, headers, problem) => {
    const error = await problemOf(decodeMessage(orders, text(value, [...headers])));
    expect(error.problem).toBe(problem);
  });

  test('bytes that are a part of a larger buffer are read alone', async () => {
    const value = new Uint8Array(Buffer.from('xx"text"xx')).subarray(2, 8);
    expect(await decodeMessage(loose, { value, headers: [] })).toBe('text');
  });

  test('a schema that throws is a SchemaError', async () => {
    const schema = z.string().refine(() => {
      throw new Error('bug');
    });
    const broken = defineTopic({ name: 'b', partitions: 1, schema });
    const error = await problemOf(decodeMessage(broken, text('"a"')));
    expect(error).toMatchObject({ problem: 'invalid', cause: { message: 'bug' } });
    const validate = () => Promise.reject(new Error('late bug'));
    const late = { '~standard': { version: 1, vendor: 'test', validate } } as const;
    const slow = defineTopic({ name: 'b', partitions: 1, schema: late });
    const rejected = await problemOf(decodeMessage(slow, text('"a"')));
    expect(rejected).toMatchObject({ problem: 'invalid', cause: { message: 'late bug' } });
  });

  test('validation may be asynchronous', async () => {
    const schema = z.string().refine(async (value) => value !== 'bad');
    const topic = defineTopic({ name: 'a', partitions: 1, schema });
    expect(await decodeMessage(topic, await encodeMessage(topic, 'good'))).toBe('good');
    expect((await problemOf(encodeMessage(topic, 'bad'))).problem).toBe('invalid');
  });
});

describe('versions', () => {
  const people = defineTopic({
    name: 'people',
    partitions: 1,
    version: 3,
    schema: z.object({ first: z.string(), last: z.string(), age: z.number() }),
    upgrade: {
      1: ({ name }: { name: string }) => ({ first: name.split(' ')[0], last: name.split(' ')[1] }),
      2: async (old: object) => ({ ...old, age: 0 }),
    },
  });

  test('a message says its version, above the first one', async () => {
    const { headers } = await encodeMessage(people, { first: 'Ada', last: 'L', age: 36 });
    expect(headers).toEqual([['x-version', Buffer.from('3')]]);
  });

  test('an older message goes through every upgrade up to the version of today', async () => {
    const ada = { first: 'Ada', last: 'Lovelace', age: 0 };
    expect(await decodeMessage(people, text('{"name":"Ada Lovelace"}'))).toEqual(ada);
    const second = text('{"first":"Ada","last":"Lovelace"}', [version(2)]);
    expect(await decodeMessage(people, second)).toEqual(ada);
    const third = text(JSON.stringify({ ...ada, age: 36 }), [version(3)]);
    expect(await decodeMessage(people, third)).toEqual({ ...ada, age: 36 });
  });

  test('a newer one says what to do', async () => {
    const error = await problemOf(decodeMessage(people, text('{}', [version(4)])));
    expect(error.problem).toBe('newer');
    expect(error.message).toContain('of version 4, and this process knows 3 at most');
    expect(error.message).toContain('replay the dead letters');
  });

  test('a missing upgrade, and one that throws, are SchemaErrors', async () => {
    const gap = defineTopic({ name: 'g', partitions: 1, version: 2, schema: z.unknown() });
    const missing = await problemOf(decodeMessage(gap, text('1')));
    expect(missing).toMatchObject({ problem: 'outdated' });
    expect(missing.message).toContain('there is no upgrade from 1');
    const thrown = await problemOf(decodeMessage(people, text('{}')));
    expect(thrown).toMatchObject({ problem: 'outdated', cause: expect.any(TypeError) });
  });

  test('the decoder is told the version of the bytes', async () => {
    const seen: object[] = [];
    const decode = (_: Uint8Array, context: object) => seen.push(context);
    const topic = { ...people, encode: () => new Uint8Array(), decode };
    await problemOf(decodeMessage(topic, text('', [version(2)])));
    expect(seen).toEqual([{ topic: 'people', version: 2 }]);
  });
});
