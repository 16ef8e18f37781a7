import { createHash } from 'node:crypto';

/** A Lua script, called by its hash: Redis has it after the first call, until SCRIPT FLUSH or a restart. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

// A lease is a key with the token of who has it, and an exclamation mark after it once somebody
// else has asked for it: who has it is to tell him.

// KEYS: value, lease. ARGV: token, ms, how the value is known to begin ('' for nothing known).
// A key that holds something else than a string has no value.
export const take: Script = script(`
local value = redis.pcall('GET', KEYS[1])
if type(value) == 'string' and value ~= '' and (ARGV[3] == '' or string.sub(value, 1, #ARGV[3]) ~= ARGV[3]) then
  return value
end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GETRANGE', KEYS[2], -1, -1) ~= '!' then redis.call('APPEND', KEYS[2], '!') end
return 0`);

/** Goes on if the lease of KEYS[n] is that of ARGV[1]. */
const ifStands = (n: number) => `
local holder = redis.call('GET', KEYS[${n}])
local isAwaited = holder == ARGV[1] .. '!'
if holder ~= ARGV[1] and not isAwaited then return 0 end`;

/** What the scripts that end a lease answer. */
export const ends = ['gone', 'ended', 'awaited'] as const;

// KEYS: value, lease. ARGV: bytes, ttl.
export const write: Script = script(`
redis.call('UNLINK', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])`);

// KEYS: value, lease. ARGV: token, bytes, ttl.
export const writeLeased: Script = script(`${ifStands(2)}
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return isAwaited and 2 or 1`);

// KEYS: value, lease. ARGV: how the value must begin, what replaces the bytes after that, ttl.
export const patch: Script = script(`
redis.call('DEL', KEYS[2])
if redis.pcall('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return redis.call('UNLINK', KEYS[1]) end
redis.call('SETRANGE', KEYS[1], #ARGV[1], ARGV[2])
local left = redis.call('PTTL', KEYS[1])
if left < 0 or left > tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 1`);

// KEYS: lease. ARGV: token, ms.
export const renew: Script = script(`${ifStands(1)}
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`);

// KEYS: lease. ARGV: token.
export const release: Script = script(`${ifStands(1)}
redis.call('DEL', KEYS[1])
return isAwaited and 2 or 1`);
