/** A value as a message can show it: texts in quotes, objects by their kind. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  if (typeof value !== 'object' || value === null) return String(value);
  return `an instance of ${Object.getPrototypeOf(value)?.constructor?.name ?? 'no class'}`;
}

/** The longest delay of a timer. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Throws a RangeError that names the option unless the value is a whole number from 1 up. */
export function checkCount(name: string, value: unknown): void {
  if (Number.isSafeInteger(value) && Number(value) >= 1) return;
  throw new RangeError(`${name} must be a positive integer, got ${show(value)}`);
}

/** Throws a RangeError that names the option unless the value is a time that a timer can wait. */
export function checkMs(name: string, value: unknown, least: 0 | 1): void {
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= MAX_DELAY_MS) return;
  throw new RangeError(
    `${name} must be a whole number of ms from ${least} to ${MAX_DELAY_MS}, got ${show(value)}`,
  );
}

/** Throws a RangeError that names the option unless the value is a time that a record can have. */
export function checkTime(name: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER) return;
  throw new RangeError(`${name} must be a time in ms since 1970, got ${show(value)}`);
}

/** Throws a TypeError that names the option unless the value is a text with something in it. */
export function checkText(name: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') return;
  throw new TypeError(`${name} must be a string and not empty, got ${show(value)}`);
}

/** Throws a TypeError that names the option unless the value is true or false. */
export function checkFlag(name: string, value: unknown): void {
  if (typeof value === 'boolean') return;
  throw new TypeError(`${name} must be true or false, got ${show(value)}`);
}

/** Throws a TypeError that names the option unless the value is one of these. */
export function checkOneOf(name: string, value: unknown, allowed: readonly string[]): void {
  if (typeof value === 'string' && allowed.includes(value)) return;
  const list = allowed.map((one) => `'${one}'`).join(', ');
  throw new TypeError(`${name} must be one of ${list}, got ${show(value)}`);
}

/** Throws a TypeError that names the option unless the value is a function or absent. */
export function checkOptionalFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return;
  throw new TypeError(`${name} must be a function, got ${show(value)}`);
}

/** Throws a TypeError that names the option unless the value has these methods. */
export function checkMethods(name: string, value: unknown, methods: readonly string[]): void {
  const missing = methods.find((method) => typeof Object(value)[method] !== 'function');
  if (missing === undefined) return;
  throw new TypeError(`${name} must have ${missing}(), got ${show(value)}`);
}

/** Throws a TypeError that names the option unless the value is an object with names and values. */
export function checkObject(name: string, value: unknown): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw new TypeError(`${name} must be an object, got ${show(value)}`);
}

/** Throws a TypeError that names what nobody knows, most likely a misspelt option. */
export function checkKnown(what: string, given: unknown, known: readonly string[]): void {
  checkObject(`the options of ${what}`, given);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`${what} has no option "${unknown}"; it has ${known.join(', ')}`);
  }
}
