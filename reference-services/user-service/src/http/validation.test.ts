import { expect, test } from 'vitest';
import { z } from 'zod';
import { ProblemError } from './problem.ts';
import { valid } from './validation.ts';

const schema = z.strictObject({
  name: z.string(),
  inner: z.object({ count: z.number() }).optional(),
});

function errors(input: unknown) {
  try {
    valid(schema, input, 'body');
  } catch (error) {
    if (error instanceof ProblemError) return error.problem.errors ?? [];
    throw error;
  }
  return [];
}

test('gives what the schema makes of the input', () => {
  const shout = z.object({ name: z.string().toUpperCase() });
  expect(valid(shout, { name: 'ann' }, 'body')).toEqual({ name: 'ANN' });
});

test('names every wrong field, nested ones too, and shows what was sent', () => {
  expect(errors({ name: 5, inner: { count: 'x' }, other: [1] })).toEqual([
    { field: 'name', detail: 'must be of type string', value: 5 },
    { field: 'inner.count', detail: 'must be of type number', value: 'x' },
    { field: 'other', detail: 'is not known', value: 'an array' },
  ]);
});

test('speaks of the whole input when that is wrong', () => {
  expect(errors('text')).toEqual([{ field: 'body', detail: 'must be of type object' }]);
  expect(errors(undefined)).toEqual([{ field: 'body', detail: 'is required' }]);
});

test('cuts long values and long names', () => {
  const [error] = errors({ name: 'a', ['x'.repeat(500)]: 'y'.repeat(500) });
  expect(error?.field).toHaveLength(101);
  expect(error?.value).toHaveLength(101);
});

test('does not show the value of a field that may be a secret, wherever it is', () => {
  const secrets = ['password', 'apiToken', 'client_secret', 'passphrase', 'Authorization'];
  for (const name of secrets) {
    expect(errors({ name: 'a', [name]: 'geheim' })).toMatchObject([{ field: name, value: '***' }]);
    expect(JSON.stringify(errors({ name: { [name]: 'geheim' } }))).not.toContain('geheim');
  }
});

test('names at most twenty fields', () => {
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`field${n}`, n]));
  expect(errors({ name: 'a', ...many })).toHaveLength(20);
});
