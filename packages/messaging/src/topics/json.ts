import { show } from '../check.ts';
import type { SchemaIssue } from '../errors.ts';

/** Deeper values are refused: they contain themselves, or would overflow the stack in JSON. */
const MAX_DEPTH = 500;

interface Pitfall {
  readonly path: PropertyKey[];
  readonly what: string;
}

/**
 * What JSON would carry as something else: Date, Map, bigint, bytes, class instances, functions,
 * symbols, NaN and the infinities, and `undefined` in an array or alone. A property that is
 * `undefined` is no such thing: it is left out, which is what optional means to every schema.
 */
export function jsonPitfall(message: unknown): SchemaIssue | undefined {
  const found = pitfallOf(message, 0);
  if (!found) return undefined;
  const why = `is ${found.what}, which JSON cannot carry unchanged`;
  return { path: pathText(found.path), message: why };
}

/** Where in a message, e.g. `message.items[3].price`. */
export function pathText(path: readonly PropertyKey[]): string {
  const parts = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`));
  return `message${parts.join('')}`;
}

function pitfallOf(value: unknown, depth: number): Pitfall | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : { path: [], what: String(value) };
    case 'object':
      return value === null ? undefined : pitfallInside(value, depth + 1);
    default:
      return { path: [], what: value === undefined ? 'undefined' : `a ${typeof value}` };
  }
}

function pitfallInside(value: object, depth: number): Pitfall | undefined {
  if (depth > MAX_DEPTH) return { path: [], what: `more than ${MAX_DEPTH} levels deep` };
  if (Array.isArray(value)) return pitfallInArray(value, depth);
  if (!isPlain(value)) return { path: [], what: show(value) };
  const fields = value as Readonly<Record<string, unknown>>;
  for (const name in fields) {
    const field = fields[name];
    const found = field === undefined ? undefined : pitfallOf(field, depth);
    if (found) return within(name, found);
  }
  return undefined;
}

function pitfallInArray(values: readonly unknown[], depth: number): Pitfall | undefined {
  for (let i = 0; i < values.length; i += 1) {
    const found = pitfallOf(values[i], depth);
    if (found) return within(i, found);
  }
  return undefined;
}

function within(part: PropertyKey, found: Pitfall): Pitfall {
  found.path.unshift(part);
  return found;
}

/** Also true of plain objects that another realm (a vm context) made. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return true;
  return Object.getPrototypeOf(prototype) === null;
}
