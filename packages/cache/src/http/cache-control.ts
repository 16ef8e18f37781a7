/** Directives by their name in lower case; `true` where there is no value. */
export type Directives = ReadonlyMap<string, string | true>;

const directive =
  /([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:=(?:"((?:[^"\\]|\\[\s\S])*)"|([^\s,"]*)))?[^,"]*(?:,|$|")/g;

/**
 * Reads a `Cache-Control` header (RFC 9111, 5.2), or a targeted one (RFC 9213), however it looks:
 * what is no directive is passed over, and of two with the same name the first one counts.
 */
export function parseCacheControl(field: string | undefined): Directives {
  const directives = new Map<string, string | true>();
  for (const [, name = '', quoted, token] of (field ?? '').matchAll(directive)) {
    const value = quoted?.replace(/\\([\s\S])/g, '$1') ?? token ?? true;
    if (!directives.has(name.toLowerCase())) directives.set(name.toLowerCase(), value);
  }
  return directives;
}

/** Writes directives as `parseCacheControl` reads them. */
export function formatCacheControl(directives: Directives): string {
  const parts: string[] = [];
  for (const [name, value] of directives) {
    parts.push(value === true ? name : `${name}=${quoteIfNeeded(value)}`);
  }
  return parts.join(', ');
}

function quoteIfNeeded(value: string): string {
  if (/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(value)) return value;
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}
