import { checkCount, show } from '../check.ts';

const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const R = 24;

/**
 * The hash by which Kafka's Java client chooses partitions: MurmurHash2 (Austin Appleby) of 32 bits with
 * that client's seed, as a signed integer.
 *
 * @throws TypeError when they are no bytes
 */
export function murmur2(bytes: Uint8Array): number {
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`bytes must be a Uint8Array, got ${show(bytes)}`);
  }
  const { length } = bytes;
  const whole = length & ~3;
  let hash = SEED ^ length;
  for (let i = 0; i < whole; i += 4) {
    hash = Math.imul(hash, M) ^ mixed(word(bytes, i));
  }
  if (whole < length) hash = Math.imul(hash ^ tail(bytes, whole), M);
  hash = Math.imul(hash ^ (hash >>> 13), M);
  return hash ^ (hash >>> 15);
}

/**
 * The partition of a topic to which every client that keeps to Kafka's default sends this key. The
 * mapping changes with the count of partitions.
 *
 * @param key text is taken as UTF-8
 * @throws TypeError when the key is neither text nor bytes; RangeError when `partitions` is no positive integer
 */
export function partitionForKey(key: string | Uint8Array, partitions: number): number {
  checkCount('partitions', partitions);
  if (typeof key !== 'string' && !(key instanceof Uint8Array)) {
    throw new TypeError(`key must be text or bytes, got ${show(key)}`);
  }
  return partitionOf(typeof key === 'string' ? Buffer.from(key) : key, partitions);
}

/** As `partitionForKey`, unchecked. */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

// The bounds were checked by the loop: `?? 0` is for the compiler, and costs nothing that can be measured.
function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}

function mixed(word: number): number {
  const product = Math.imul(word, M);
  return Math.imul(product ^ (product >>> R), M);
}

/** The last one to three bytes. */
function tail(bytes: Uint8Array, at: number): number {
  let rest = 0;
  for (let i = bytes.length - 1; i >= at; i -= 1) rest = (rest << 8) | (bytes[i] ?? 0);
  return rest;
}
