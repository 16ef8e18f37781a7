import { startRedis, startValkey, type TestServer } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { describe, expect, test } from 'vitest';
import { type Fault, faults } from './checker/faults.ts';
import { judge, type Verdict } from './checker/judge.ts';
import { random } from './checker/random.ts';
import { makeHistory } from './checker/run.ts';
import { Fleet, say } from './faults/fleet.ts';

/** CHECKER_SEED=... makes the same choices again, though not the same races. */
const seed = Number(process.env['CHECKER_SEED'] ?? Math.floor(Math.random() * 1_000_000));
const bounds = { busMs: 1500, lostMs: 600_000 };
const rows = 200;

function tell(title: string, { violations, excusedForMs, ...counts }: Verdict): void {
  const stale = violations.length;
  say(title, { seed, ...counts, excusedForMs: Math.round(excusedForMs), stale });
}

/** One process and the server are struck at the same time. */
function pairs(count: number): Fault[][] {
  const dice = random(seed);
  const any = (strikes: Fault['strikes']) => {
    const some = faults.filter((fault) => fault.strikes === strikes);
    return some.slice(Math.floor(dice() * some.length)).slice(0, 1);
  };
  return Array.from({ length: count }, () => [...any('process'), ...any('server')]);
}

describe('a fleet that gets, sets and deletes at random', () => {
  const redis = useServer(startRedis, { own: true });
  const valkey = useServer(startValkey, { own: true });

  test.each([
    { name: 'Redis, each fault alone', server: redis, rounds: faults.map((fault) => [fault]) },
    { name: 'Valkey, faults by two', server: valkey, rounds: pairs(6) },
  ])('keeps its promises on $name', { timeout: 120_000 }, async ({ name, server, rounds }) => {
    await using fleet = await Fleet.start(3, server().url, () => ({ timeoutMs: 150 }));
    const history = await makeHistory(fleet, server(), { seed, rows, roundMs: 700, rounds });
    const verdict = judge(history, bounds);
    tell(`checker on ${name}`, verdict);
    expect(verdict.violations.slice(0, 3)).toEqual([]);
    expect(verdict.reads).toBeGreaterThan(1000 * rounds.length);
    expect(verdict.writes).toBeGreaterThan(20 * rounds.length);
    expect(await fleet.rejections()).toBe(0);
  });

  // Whether a history meets the race is a matter of luck: another one is made until one does.
  test('is found out when what was loaded is written though the key was deleted meanwhile', {
    timeout: 120_000,
  }, async () => {
    let violations = 0;
    for (let history = 0; violations === 0 && history < 12; history += 1) {
      violations = await withoutFence(redis(), seed + history);
    }
    expect(violations).toBeGreaterThan(0);
  });
});

/** How many promises a fleet breaks that writes what it has loaded in any case. */
async function withoutFence(server: TestServer, seed: number): Promise<number> {
  const options = () => ({ timeoutMs: 150, isFenced: false });
  await using fleet = await Fleet.start(3, server.url, options);
  const plan = { seed, rows: 40, byKey: true, roundMs: 700, rounds: [[], [], [], []] };
  const verdict = judge(await makeHistory(fleet, server, plan), bounds);
  tell('checker without the fence', verdict);
  return verdict.violations.length;
}
