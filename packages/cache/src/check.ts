/** Throws a RangeError that names the option unless the value is a whole number from `min` up. */
export function checkInteger(name: string, value: unknown, min: number): void {
  if (Number.isSafeInteger(value) && Number(value) >= min) return;
  const what = min === 0 ? 'a non-negative integer' : 'a positive integer';
  throw new RangeError(`${name} must be ${what}, got ${show(value)}`);
}

/** Longer delays make Node's timers fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Throws a RangeError that names the option unless the value is a delay that a timer can wait. */
export function checkDelay(name: string, value: unknown, min = 1): void {
  checkInteger(name, value, min);
  if (Number(value) <= MAX_DELAY_MS) return;
  throw new RangeError(`${name} must be at most ${MAX_DELAY_MS} ms, got ${show(value)}`);
}

/** A Map of V8 holds no more, and throws when one more is put into it. */
const MAX_ENTRIES = 2 ** 24 - 1;

/** Throws a RangeError that names the option unless so many entries can be kept. */
export function checkEntries(name: string, value: unknown): void {
  checkInteger(name, value, 1);
  if (Number(value) <= MAX_ENTRIES) return;
  throw new RangeError(`${name} must be at most ${MAX_ENTRIES}, got ${show(value)}`);
}

/** Throws a RangeError that names the option unless the value is a part of 1 that is allowed. */
export function checkFraction(
  name: string,
  value: number,
  isAllowed: (part: number) => boolean,
): void {
  if (typeof value === 'number' && isAllowed(value)) return;
  throw new RangeError(`${name} must be a number between 0 and 1, got ${show(value)}`);
}

/** Throws a TypeError that names the option unless the value is true or false. */
export function checkBoolean(name: string, value: unknown): void {
  if (typeof value !== 'boolean')
    throw new TypeError(`${name} must be a boolean, got ${show(value)}`);
}

/** Throws a TypeError unless the key is a string: another one has no name in L2. */
export function checkKey(key: unknown): void {
  if (typeof key !== 'string') throw new TypeError(`a key must be a string, got ${show(key)}`);
}

/** The keys, each once. Throws a TypeError when one is no string, or all of them are one string. */
export function uniqueKeys(keys: Iterable<string>): Set<string> {
  if (typeof keys === 'string')
    throw new TypeError(`keys must be a list of strings, got ${show(keys)}`);
  const unique = new Set(keys);
  for (const key of unique) checkKey(key);
  return unique;
}

/** Throws a TypeError unless it is an array, and all tags in it are texts with something in them. */
export function checkTags(tags: unknown): asserts tags is readonly string[] {
  if (!Array.isArray(tags)) throw new TypeError(`tags must be an array, got ${show(tags)}`);
  for (const tag of tags) {
    if (typeof tag !== 'string' || tag === '') {
      throw new TypeError(`a tag must be a string and not empty, got ${show(tag)}`);
    }
  }
}

/** Throws a TypeError that names the option unless the value is a function or an object with these methods. */
export function checkMethods(name: string, value: unknown, methods: readonly string[]): void {
  const missing = methods.find((method) => typeof Object(value)[method] !== 'function');
  if (missing !== undefined)
    throw new TypeError(`${name} must have ${missing}(), got ${show(value)}`);
}

/** Throws a TypeError that names the option unless the value is a function. */
export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function')
    throw new TypeError(`${name} must be a function, got ${show(value)}`);
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
