import { beforeEach, describe, expect, test } from 'vitest';
import { Line, type Standing } from './line.ts';

class Person implements Standing<Person> {
  ahead: Person | undefined = undefined;
  behind: Person | undefined = undefined;
}

describe('a line', () => {
  const [a, b, c] = [new Person(), new Person(), new Person()];
  let line: Line<Person>;

  beforeEach(() => {
    line = new Line();
    for (const person of [a, b, c]) line.push(person);
  });

  test('serves in the order of coming', () => {
    expect([line.shift(), line.shift(), line.shift(), line.shift()]).toEqual([a, b, c, undefined]);
    expect(line.last).toBeUndefined();
  });

  test.each([
    ['front', a, [b, c]],
    ['middle', b, [a, c]],
    ['end', c, [a, b]],
  ])('can be left from the %s', (_, leaving, rest) => {
    line.remove(leaving);
    expect([...line]).toEqual(rest);
    expect(line.first).toBe(rest[0]);
    expect(line.last).toBe(rest[1]);
    expect(leaving).toEqual(new Person());
  });

  test('can be joined again after it was left', () => {
    line.remove(a);
    line.push(a);
    expect([...line]).toEqual([b, c, a]);
    for (const person of [b, c, a]) line.remove(person);
    expect([...line]).toEqual([]);
  });
});
