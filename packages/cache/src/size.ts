/** What V8 takes for an object or array itself, for a reference to something, and for a box around bytes, in bytes; about. */
const OBJECT_BYTES = 32;
const SLOT_BYTES = 8;
const BUFFER_BYTES = 96;

/**
 * How much memory a value takes, in bytes: an estimate that is cheap and the same wherever the value
 * came from. For what JSON can carry it is from three quarters of what V8 takes to about twice of it.
 * Text counts 2 bytes a character, also in names of properties; what a value refers to twice counts
 * once. It stops counting beyond `limit`.
 */
export function estimateBytes(value: unknown, limit: number): number {
  const seen = new Set<object>();
  const open: unknown[] = [value];
  let bytes = 0;
  while (open.length > 0 && bytes <= limit) {
    const next = open.pop();
    if (typeof next !== 'object' || next === null) bytes += primitiveBytes(next);
    else if (!seen.has(next)) {
      seen.add(next);
      bytes += objectBytes(next, open);
    }
  }
  return bytes;
}

function primitiveBytes(value: unknown): number {
  if (typeof value === 'string') return 16 + 2 * value.length;
  if (typeof value === 'bigint') return 16 + value.toString(16).length / 2;
  // Others lie in the slot that refers to them.
  return typeof value === 'number' && !Number.isInteger(value) ? SLOT_BYTES : 0;
}

/** Of the object without what it refers to, which is added to `open`. */
function objectBytes(object: object, open: unknown[]): number {
  if (ArrayBuffer.isView(object) || object instanceof ArrayBuffer) {
    return BUFFER_BYTES + object.byteLength;
  }
  if (Array.isArray(object)) return OBJECT_BYTES + add(object, open);
  if (object instanceof Map) {
    return OBJECT_BYTES + 2 * add(object.keys(), open) + add(object.values(), open);
  }
  if (object instanceof Set) return OBJECT_BYTES + 3 * add(object, open);
  return OBJECT_BYTES + add(Object.keys(object), open) + add(ownValues(object), open);
}

function add(values: Iterable<unknown>, open: unknown[]): number {
  let bytes = 0;
  for (const value of values) {
    open.push(value);
    bytes += SLOT_BYTES;
  }
  return bytes;
}

/** A getter may throw: what it would give is not kept in memory anyway. */
function ownValues(object: object): unknown[] {
  try {
    return Object.values(object);
  } catch {
    return [];
  }
}
