import { NotCacheableError } from './errors.ts';

/** Turns values into bytes and back. What comes back must equal what went in, or encoding must throw. */
export interface Codec {
  /**
   * @param key that of the value in L2
   * @throws NotCacheableError when the value would come back changed
   */
  encode(value: unknown, key: string): Uint8Array;
  /** @throws any error when the bytes are not its own: they count as foreign, and as a miss */
  decode(bytes: Uint8Array, key: string): unknown;
}

/**
 * JSON. Numbers that JSON has no word for (NaN, the infinities, -0) are kept when they are the whole
 * value. Refused, since they would come back as something else: Date, Map, Set, bigint, bytes, class
 * instances, functions, symbols, and `undefined`, NaN and the infinities inside a value. A -0 inside
 * a value comes back as 0.
 */
export function json(): Codec {
  return { encode, decode };
}

const wordless: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['-0', -0],
]);

function encode(value: unknown): Uint8Array {
  if (typeof value === 'number') return Buffer.from(Object.is(value, -0) ? '-0' : String(value));
  refuseChanged(value, 'value', 0);
  return Buffer.from(JSON.stringify(value));
}

function decode(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
  // No JSON text is as short as these and unknown to the table, and a lookup of a long text costs.
  return (text.length <= 9 ? wordless.get(text) : undefined) ?? JSON.parse(text);
}

/** Deeper values are refused: they contain themselves, or would overflow the stack in JSON. */
const MAX_DEPTH = 500;

function refuseChanged(value: unknown, path: string, depth: number): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return;
    case 'number':
      if (!Number.isFinite(value)) throw new NotCacheableError(path, String(value));
      return;
    case 'object':
      if (value !== null) refuseObject(value, path, depth + 1);
      return;
    default:
      throw new NotCacheableError(path, value === undefined ? 'undefined' : `a ${typeof value}`);
  }
}

function refuseObject(value: object, path: string, depth: number): void {
  if (depth > MAX_DEPTH) throw new NotCacheableError(path, `more than ${MAX_DEPTH} levels deep`);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) refuseChanged(value[i], `${path}[${i}]`, depth);
    return;
  }
  if (!isPlain(value)) throw new NotCacheableError(path, `a ${nameOf(value)}`);
  for (const [name, inner] of Object.entries(value)) {
    refuseChanged(inner, `${path}.${name}`, depth);
  }
}

/** Also true of plain objects that another realm (a vm context) made. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return true;
  return Object.getPrototypeOf(prototype) === null && !('toJSON' in value);
}

function nameOf(value: object): string {
  return value.constructor?.name || 'class instance';
}
