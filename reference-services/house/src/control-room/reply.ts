import type { ServerResponse } from 'node:http';

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly content: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Nothing inline, nothing from elsewhere, and nobody may frame the page. */
const securityHeaders = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

export function json(value: unknown): Reply {
  return { status: 200, type: 'application/json', content: JSON.stringify(value) };
}

/** What went wrong, as in RFC 9457. */
export function problem(
  status: number,
  title: string,
  detail: string,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  const content = JSON.stringify({ type: 'about:blank', title, status, detail });
  return { status, type: 'application/problem+json', content, headers };
}

export function send(response: ServerResponse, { status, type, content, headers }: Reply): void {
  response.writeHead(status, {
    ...securityHeaders,
    ...headers,
    'content-type': type,
    'content-length': Buffer.byteLength(content),
  });
  response.end(content);
}
