import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { copyLine } from './copy.ts';
import { generateUsers } from './users.ts';

const users = generateUsers(10_000);

describe('the generated users', () => {
  test('are the same ten thousand on every machine', () => {
    const hash = createHash('sha256').update(users.map(copyLine).join('')).digest('hex');
    expect(hash).toBe('f756224cd2dd197ac182f14eb0feb1628563fd58da092c641eeea567a55a48a2');
  });

  test('have ids and addresses of their own', () => {
    expect(new Set(users.map(({ id }) => id)).size).toBe(10_000);
    expect(new Set(users.map(({ email }) => email)).size).toBe(10_000);
  });

  test('have ids of UUID version 7 that tell the time of creation, in order', () => {
    const ids = users.map(({ id }) => id);
    expect(
      ids.filter(
        (id) => !/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.test(id),
      ),
    ).toEqual([]);
    expect(ids.toSorted()).toEqual(ids);
    for (const { id, createdAt } of users) {
      expect(Number.parseInt(id.replace('-', '').slice(0, 12), 16)).toBe(createdAt.getTime());
    }
  });

  test('keep the rules of the table: lower-case addresses, names of a length, changes after creation', () => {
    const broken = users.filter(
      ({ email, name, version, createdAt, updatedAt }) =>
        !/^[a-z0-9._]{3,60}@[a-z.]+$/.test(email) ||
        !/^\S.{2,60}\S$/.test(name) ||
        updatedAt < createdAt ||
        (version === 1) !== (updatedAt.getTime() === createdAt.getTime()),
    );
    expect(broken).toEqual([]);
  });

  test('can never get a mail by mistake: all domains are reserved', () => {
    const domains = new Set(users.map(({ email }) => email.split('@')[1]));
    expect(
      [...domains].filter((domain) => !/(^|\.)example(\.(com|org|net))?$/.test(domain ?? '')),
    ).toEqual([]);
  });

  test('look like people: thousands of different names, no name more than 20 times', () => {
    const times = Map.groupBy(users, ({ name }) => name);
    expect(times.size).toBeGreaterThan(5000);
    expect(Math.max(...[...times.values()].map(({ length }) => length))).toBeLessThanOrEqual(20);
  });

  test('write their names with the letters of their address', () => {
    const find = (name: string) => users.find((user) => user.name === name)?.email;
    expect(find('Şahin Şimşek')).toMatch(/sahin|simsek/);
  });
});

test('a row is escaped for COPY', () => {
  const user = {
    id: 'i',
    email: 'e',
    name: 'back\\slash\ttab\nline',
    version: 1,
    createdAt: new Date(0),
    updatedAt: new Date(1),
  };
  expect(copyLine(user)).toBe(
    'i\te\tback\\\\slash\\ttab\\nline\t1\t1970-01-01T00:00:00.000Z\t1970-01-01T00:00:00.001Z\n',
  );
});
