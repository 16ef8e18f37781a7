/** The options over their defaults; a key that is there but `undefined` means its default too. */
export function withDefaults<R extends object>(defaults: R, options: Partial<R>): R {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(given) };
}

export function text(field: string, value: unknown): void {
  if (typeof value !== 'string' || value === '') {
    throw new TypeError(`${field} must be a non-empty string, got ${show(value)}`);
  }
}

export function object(field: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`${field} must be an object, got ${show(value)}`);
  }
}

export function callable(field: string, value: unknown): void {
  if (typeof value !== 'function') {
    throw new TypeError(`${field} must be a function, got ${show(value)}`);
  }
}

export function positiveInteger(field: string, value: unknown): void {
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw new RangeError(`${field} must be a positive integer, got ${show(value)}`);
  }
}

export function nonNegativeInteger(field: string, value: unknown): void {
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw new RangeError(`${field} must be a non-negative integer, got ${show(value)}`);
  }
}

export function nonNegative(field: string, value: unknown): void {
  if (typeof value !== 'number' || !(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) {
    throw new RangeError(`${field} must be a number from 0 on, got ${show(value)}`);
  }
}

export function oneOf(field: string, value: unknown, allowed: readonly unknown[]): void {
  if (allowed.includes(value)) return;
  throw new TypeError(
    `${field} must be one of ${allowed.map(show).join(', ')}, got ${show(value)}`,
  );
}

/** A finite number of milliseconds from `min` on, unless `max` says otherwise. */
export function duration(
  field: string,
  value: unknown,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    const limit = max === Number.POSITIVE_INFINITY ? ' or Infinity' : '';
    throw new RangeError(`${field} must be at least ${min} ms${limit}, got ${show(value)}`);
  }
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : asText(value);
}

/** `String(value)`, whatever somebody gave or threw. */
export function asText(value: unknown): string {
  try {
    return String(value);
  } catch {
    // An object without a prototype, or with a `toString` that throws.
    return Object.prototype.toString.call(value);
  }
}
