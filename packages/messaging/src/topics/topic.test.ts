import { describe, expect, expectTypeOf, test } from 'vitest';
import { z } from 'zod';
import { type AnyTopic, deadLetterTopic, defineTopic, retryTopic, type Topic } from './topic.ts';

const schema = z.object({ id: z.string(), at: z.coerce.date() });
const base = { name: 'chat-messages', partitions: 100, schema };

test('a topic has every default in its place', () => {
  const { schema: same, key, upgrade, ...rest } = defineTopic(base);
  expect(rest).toEqual({
    name: 'chat-messages',
    partitions: 100,
    replicationFactor: undefined,
    config: {},
    retry: { attempts: 3, backoffMs: [1_000, 10_000], topics: false },
    deadLetter: true,
    version: 1,
  });
  expect(same).toBe(schema);
  expect(key({ id: 'a', at: new Date() })).toBeNull();
  expect(upgrade.size).toBe(0);
});

test('what is given is kept, configuration as text', () => {
  const topic = defineTopic({
    ...base,
    replicationFactor: 3,
    retry: { attempts: 5, backoffMs: 250, topics: true },
    deadLetter: false,
    version: 2,
    upgrade: { 1: (old) => old },
    key: (m) => m.id,
    config: { 'retention.ms': 604_800_000, 'cleanup.policy': 'compact', preallocate: true },
  });
  expect(topic.retry).toEqual({ attempts: 5, backoffMs: [250], topics: true });
  expect(topic).toMatchObject({ replicationFactor: 3, deadLetter: false, version: 2 });
  expect([...topic.upgrade.keys()]).toEqual([1]);
  expect(topic.key({ id: 'k', at: new Date() })).toBe('k');
  expect(topic.config).toEqual({
    'retention.ms': '604800000',
    'cleanup.policy': 'compact',
    preallocate: 'true',
  });
});

test('what is sent is the input of the schema, what is handled its output', () => {
  const topic = defineTopic({ ...base, key: (m) => m.at.toISOString() });
  expectTypeOf(topic).toExtend<Topic<{ id: string; at: Date }, { id: string; at: unknown }>>();
  expectTypeOf(topic).toExtend<AnyTopic>();
  expect(Object.isFrozen(topic)).toBe(true);
});

describe('names follow the rules of Kafka', () => {
  test.each(['a', 'a.b_c-D9', '...', 'x'.repeat(245)])('%s is one', (name) => {
    expect(defineTopic({ ...base, name }).name).toBe(name);
  });

  test.each(['', '.', '..', 'a b', 'ä', 'a/b', 'a\n'])('%j is none', (name) => {
    expect(() => defineTopic({ ...base, name })).toThrow(`got ${JSON.stringify(name)}`);
  });

  test('249 characters at most, with the name of its dead letters', () => {
    const name = 'x'.repeat(249);
    expect(defineTopic({ ...base, name, deadLetter: false }).name).toBe(name);
    expect(() => defineTopic({ ...base, name })).toThrow('has 253 characters, and a topic at most');
  });

  test('names of retry topics and dead letters are made of it', () => {
    expect(deadLetterTopic('t')).toBe('t.dlq');
    expect(retryTopic('t', 'indexer', 2)).toBe('t.indexer.retry.2');
  });
});

describe('a bad option is named with its value', () => {
  test.each([
    [{ partitions: 0 }, 'partitions must be a positive integer, got 0'],
    [{ replicationFactor: 1.5 }, 'replicationFactor must be a positive integer, got 1.5'],
    [{ version: 0 }, 'version must be a positive integer, got 0'],
    [{ schema: Object({}) }, 'schema must be a Standard Schema, got an instance of Object'],
    [{ key: Object('id') }, 'key must be a function, got an instance of String'],
    [{ deadLetter: Object(1) }, 'deadLetter must be true or false, got an instance of Number'],
    [{ encode: () => new Uint8Array() }, 'encode and decode go together, got only encode'],
    [{ decode: () => '' }, 'encode and decode go together, got only decode'],
    [{ config: { a: Object(1) } }, 'config["a"] must be text, number or boolean, got an'],
    [{ retry: { attempts: 0 } }, 'retry.attempts must be a positive integer, got 0'],
    [{ retry: { backoffMs: [] } }, 'retry.backoffMs must have a time to wait, got none'],
    [{ retry: { backoffMs: [-1] } }, 'retry.backoffMs must be a whole number of ms'],
    [{ retry: { topics: Object(0) } }, 'retry.topics must be true or false'],
    [{ retry: Object({ retries: 3 }) }, 'retry has no option "retries"'],
    [{ upgrade: { 1: () => 0 } }, 'upgrade must be by versions from 1 to 0'],
    [{ version: 3, upgrade: { 3: () => 0 } }, 'older than version 3, got 3'],
    [{ version: 3, upgrade: { a: () => 0 } }, 'older than version 3, got a'],
    [{ version: 3, upgrade: { 1: Object(0) } }, 'upgrade[1] must be a function, got'],
    [{ partition: 3 }, 'defineTopic has no option "partition"'],
    [{ upgrade: Object([]) }, 'upgrade must be an object, got an array'],
    [{ config: Object([1]) }, 'config must be an object, got an array'],
    [{ config: { a: Number.NaN } }, 'config["a"] must be text, number or boolean, got NaN'],
    [{ retry: Object([5]) }, 'the options of retry must be an object, got an array'],
    [{ retry: { backoffMs: Object({}) } }, 'retry.backoffMs must be a whole number of ms'],
  ])('%j', (options, message) => {
    expect(() => defineTopic({ ...base, ...options })).toThrow(message);
  });
});
