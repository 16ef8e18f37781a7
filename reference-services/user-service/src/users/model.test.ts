import { expect, test } from 'vitest';
import { newUser, pageQuery, userChanges, userParams } from './model.ts';

test('an address is trimmed and lower case, a name is trimmed', () => {
  expect(newUser.parse({ email: ' Ann@Example.COM ', name: ' Ann ' })).toEqual({
    email: 'ann@example.com',
    name: 'Ann',
  });
});

test.each(['Ann', 'Ærøskøbing', '李雷', "O'Brien; DROP TABLE users", '👩‍👩‍👧', 'x'.repeat(200)])(
  'a name may be %j',
  (name) => {
    expect(newUser.parse({ email: 'a@b.example', name })).toMatchObject({ name });
  },
);

test.each(['a\u0000b', 'a\nb', 'a\u007fb', 'a\u0085b', '\udc00', '\u200b', '\u3164 \u200d'])(
  'a name may not be %j',
  (name) => {
    expect(newUser.safeParse({ email: 'a@b.example', name }).success).toBe(false);
  },
);

test('an address that becomes plain letters only in lower case is none', () => {
  const kelvin = '\u212a@example.com'; // its lower case is an ordinary k
  expect(newUser.safeParse({ email: kelvin, name: 'Ann' }).success).toBe(false);
});

test('a change has at least one field', () => {
  expect(userChanges.safeParse({}).success).toBe(false);
  expect(userChanges.parse({ name: 'Ann' })).toEqual({ name: 'Ann' });
  expect(userChanges.safeParse({ email: null }).success).toBe(false);
});

test('an id has one spelling', () => {
  const id = '01A20435-0000-7000-8000-00000000000F';
  expect(userParams.parse({ id })).toEqual({ id: id.toLowerCase() });
});

test.each([
  [{}, { limit: 20 }],
  [{ limit: '1' }, { limit: 1 }],
  [{ limit: '99' }, { limit: 99 }],
  [{ limit: '100' }, { limit: 100 }],
])('a page of %o is %o', (query, page) => {
  expect(pageQuery.parse(query)).toEqual(page);
});
