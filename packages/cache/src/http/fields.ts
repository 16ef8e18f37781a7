/** Headers as `fetch` or as Node has them (names in lower case). */
export type HeaderSource =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** The value of a header, its lines joined as one list; undefined when it is absent. */
export function fieldOf(headers: HeaderSource, name: string): string | undefined {
  if (isFetchHeaders(headers)) return headers.get(name) ?? undefined;
  const value = headers[name];
  return typeof value === 'string' || value === undefined ? value : value.join(', ');
}

function isFetchHeaders(headers: HeaderSource): headers is { get(name: string): string | null } {
  return typeof headers['get'] === 'function';
}

/** Whole seconds, as RFC 9111 has them: undefined unless they are digits, and never beyond what a cache must understand. */
export function secondsOf(text: string | true | undefined): number | undefined {
  if (typeof text !== 'string' || !/^\d+$/.test(text)) return undefined;
  return Math.min(Number(text), 2 ** 31);
}
