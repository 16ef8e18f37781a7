import type { IncomingHttpHeaders } from 'node:http';

const names = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * Why a request must not be answered, or undefined.
 * A page of another site could reach us through the visitor's browser: with a name of its own that
 * points to 127.0.0.1 (so Host must be one of ours), or by a form or a script (so Origin must be ours).
 * What is no browser sends neither Origin nor Sec-Fetch-Site, and is let through.
 */
export function objectionTo(headers: IncomingHttpHeaders): string | undefined {
  const { host = '', origin, 'sec-fetch-site': site } = headers;
  const own = URL.parse(`http://${host}`);
  if (!own || !names.has(own.hostname))
    return `this is a control room for localhost, not for "${host}"`;
  if (origin !== undefined && origin !== own.origin) return `requests from ${origin} are refused`;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return 'requests from other sites are refused';
  }
  return undefined;
}
