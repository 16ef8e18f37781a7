import { describe, expect, test } from 'vitest';
import { type Outcome, summary } from './summary.ts';

const redis = { name: 'Redis', version: '7.0.15', found: '/usr/bin/redis-server' };
const postgres = { name: 'PostgreSQL', version: '18.4', found: 'npm' };

function outcome(state: Outcome['state'], rest: Partial<Outcome> = {}): Outcome {
  return { title: 'a.test.ts > does it', state, note: undefined, servers: [], ...rest };
}

describe('the closing line', () => {
  test('is the last one and counts every state', () => {
    const outcomes = [outcome('passed'), outcome('passed'), outcome('failed'), outcome('skipped')];
    expect(summary(outcomes, 0).at(-1)).toBe('2 passed, 1 failed, 1 skipped');
  });

  test('counts a test that never finished as failed', () => {
    expect(summary([outcome('pending')], 0)).toEqual(['0 passed, 1 failed, 0 skipped']);
  });

  test('counts failures that belong to no test', () => {
    expect(summary([outcome('passed')], 2)).toEqual(['1 passed, 2 failed, 0 skipped']);
  });

  test('is all there is when nothing ran', () => {
    expect(summary([], 0)).toEqual(['0 passed, 0 failed, 0 skipped']);
  });
});

describe('the table of servers', () => {
  test('has a line for each server, version and origin, with the tests that passed on it', () => {
    const outcomes = [
      outcome('passed', { servers: [redis, postgres] }),
      outcome('passed', { servers: [redis] }),
      outcome('passed', { servers: [{ ...redis, found: 'TEST_REDIS_URL' }] }),
      outcome('passed'),
    ];
    expect(summary(outcomes, 0).slice(0, -1)).toEqual([
      'server      version  found                  tests passed on it',
      'PostgreSQL  18.4     npm                    1',
      'Redis       7.0.15   /usr/bin/redis-server  2',
      'Redis       7.0.15   TEST_REDIS_URL         1',
      '',
    ]);
  });

  test('leaves out tests that failed or were skipped', () => {
    const servers = [redis];
    const lines = summary([outcome('failed', { servers }), outcome('skipped', { servers })], 0);
    expect(lines.join('\n')).not.toContain('Redis');
  });
});

describe('the list of skipped tests', () => {
  test('names each one and says why', () => {
    const outcomes = [
      outcome('skipped', { note: 'Redis is not available' }),
      outcome('skipped', { title: 'b.test.ts > later' }),
    ];
    expect(summary(outcomes, 0)).toEqual([
      '  skipped: a.test.ts > does it (Redis is not available)',
      '  skipped: b.test.ts > later',
      '',
      '0 passed, 0 failed, 2 skipped',
    ]);
  });
});
