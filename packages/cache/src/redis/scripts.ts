import { createHash } from 'node:crypto';

/** A Lua script, called by its hash: Redis has it after the first call, until SCRIPT FLUSH or a restart. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

function script(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

// KEYS: value, lease. ARGV: token, ms, how the value is known to begin ('' for nothing known).
// A key that holds something else than a string has no value.
export const take: Script = script(`
local value = redis.pcall('GET', KEYS[1])
if type(value) == 'string' and value ~= '' and (ARGV[3] == '' or string.sub(value, 1, #ARGV[3]) ~= ARGV[3]) then
  return value
end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return 0`);

// KEYS: value, lease. ARGV: token, bytes, ttl.
export const write: Script = script(`
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1`);

// KEYS: value, lease. ARGV: how the value must begin, what replaces the bytes after that, ttl.
export const patch: Script = script(`
redis.call('DEL', KEYS[2])
if redis.pcall('GETRANGE', KEYS[1], 0, #ARGV[1] - 1) ~= ARGV[1] then return redis.call('UNLINK', KEYS[1]) end
redis.call('SETRANGE', KEYS[1], #ARGV[1], ARGV[2])
local left = redis.call('PTTL', KEYS[1])
if left < 0 or left > tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 1`);

// KEYS: lease. ARGV: token, ms.
export const renew: Script = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`);

// KEYS: lease. ARGV: token.
export const release: Script = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`);
