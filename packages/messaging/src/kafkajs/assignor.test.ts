import fc from 'fast-check';
import { AssignerProtocol } from 'kafkajs';
import { describe, expect, test } from 'vitest';
import { partitionsIn, protocolsFor, share, topicsOf } from './assignor.ts';

/** What each member gets, as `topic/partition`. */
function shared(
  protocol: string,
  members: Record<string, readonly string[]>,
  counts: Record<string, number>,
): Record<string, string[]> {
  const list = Object.entries(members).map(([memberId, topics]) => ({ memberId, topics }));
  const shares = share(protocol, list, new Map(Object.entries(counts)));
  return Object.fromEntries(
    shares.map(({ memberId, memberAssignment }) => [
      memberId,
      partitionsIn(memberAssignment).map(({ topic, partition }) => `${topic}/${partition}`),
    ]),
  );
}

test('a member says what it wants as kafkajs and Java would', () => {
  const protocols = protocolsFor(['b', 'a']);
  expect(protocols.map(({ name }) => name)).toEqual(['roundrobin', 'RoundRobinAssigner', 'range']);
  expect(topicsOf(protocols[0]?.metadata ?? Buffer.alloc(0))).toEqual(['b', 'a']);
});

test('an assignment of kafkajs is understood, and one of nothing too', () => {
  const encoded = AssignerProtocol.MemberAssignment.encode({
    version: 1,
    assignment: { a: [0, 2] },
    userData: Buffer.alloc(0),
  });
  expect(partitionsIn(encoded)).toEqual([
    { topic: 'a', partition: 0 },
    { topic: 'a', partition: 2 },
  ]);
  expect(partitionsIn(Buffer.alloc(0))).toEqual([]);
});

describe('round robin', () => {
  test('goes from member to member over all topics', () => {
    expect(shared('roundrobin', { m2: ['a', 'b'], m1: ['a', 'b'] }, { b: 2, a: 3 })).toEqual({
      m1: ['a/0', 'a/2', 'b/1'],
      m2: ['a/1', 'b/0'],
    });
  });

  test('leaves out who does not want a topic', () => {
    const members = { m1: ['a'], m2: ['b'], m3: ['a', 'b'] };
    expect(shared('RoundRobinAssigner', members, { a: 2, b: 2, c: 1 })).toEqual({
      m1: ['a/0'],
      m2: ['b/0'],
      m3: ['a/1', 'b/1'],
    });
  });
});

test('range keeps partitions of one number together', () => {
  expect(shared('range', { m1: ['a', 'b'], m2: ['a', 'b'] }, { a: 3, b: 3 })).toEqual({
    m1: ['a/0', 'a/1', 'b/0', 'b/1'],
    m2: ['a/2', 'b/2'],
  });
});

test('every partition goes to exactly one member that wants its topic', () => {
  const topics = fc.subarray(['a', 'b', 'c'], { minLength: 1 });
  fc.assert(
    fc.property(
      fc.constantFrom('roundrobin', 'RoundRobinAssigner', 'range', 'unheard of'),
      fc.dictionary(fc.string({ minLength: 1, maxLength: 3 }), topics, { minKeys: 1 }),
      fc.record({ a: fc.nat(9), b: fc.nat(9), c: fc.nat(9) }),
      (protocol, members, counts) => {
        const shares = shared(protocol, members, counts);
        const all = Object.values(shares).flat();
        const wanted = Object.entries(counts).filter(([topic]) =>
          Object.values(members).some((list) => list.includes(topic)),
        );
        const sum = wanted.reduce((total, [, count]) => total + count, 0);
        expect(new Set(all).size).toBe(sum);
        expect(all).toHaveLength(sum);
        for (const [member, list] of Object.entries(shares)) {
          for (const one of list) expect(members[member]).toContain(one.split('/')[0]);
        }
      },
    ),
  );
});
