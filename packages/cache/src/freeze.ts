import { isPlain } from './codec.ts';

/**
 * Freezes a value and all plain objects and arrays in it. What else there is stays as it is: bytes
 * cannot be frozen, and a Map, a Date or an instance of a class changes in ways that freezing does
 * not prevent.
 */
export function deepFreeze(value: unknown): void {
  const seen = new Set<object>();
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (!isFreezable(next) || seen.has(next)) continue;
    seen.add(next);
    Object.freeze(next);
    for (const { value: inner } of Object.values(Object.getOwnPropertyDescriptors(next))) {
      open.push(inner);
    }
  }
}

function isFreezable(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) || isPlain(value);
}
