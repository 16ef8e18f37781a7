import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createFetch, type FetchOptions } from '../src/fetch/index.ts';

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => unknown;

/** A server on loopback that answers as the test says, and remembers what it was asked. */
const asked: { method: string; headers: IncomingMessage['headers']; body: string }[] = [];
let answer: Answer;
let url: string;
const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  asked.push({ method: request.method ?? '', headers: request.headers, body });
  answer(request, response, body);
});

beforeEach(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  asked.length = 0;
  answer = (_request, response) => response.end('hello');
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const fast = { backoff: { baseMs: 1 } };
const create = (options: FetchOptions = {}) => createFetch({ retry: fast, ...options });
const status =
  (...statuses: number[]): Answer =>
  (_request, response) => {
    response.writeHead(statuses[asked.length - 1] ?? 200).end(`answer ${asked.length}`);
  };

test('is a fetch: input, init, headers and body as there', async () => {
  const policyFetch = create();
  answer = (_request, response, body) => response.setHeader('x-a', 'b').end(body);
  const headers = { 'x-c': 'd' };
  const response = await policyFetch(new URL(url), { method: 'POST', body: 'text', headers });
  expect([response.status, response.headers.get('x-a')]).toEqual([200, 'b']);
  expect(await response.text()).toBe('text');
  expect(asked[0]?.headers).toMatchObject({
    'x-c': 'd',
    'content-type': 'text/plain;charset=UTF-8',
  });
  const request = new Request(url, { method: 'PUT', body: 'again', headers });
  expect(await (await policyFetch(request)).text()).toBe('again');
  expect(asked[1]).toMatchObject({ method: 'PUT', headers: { 'x-c': 'd' } });
});

describe('retries', () => {
  test('an idempotent request until it succeeds, with the body sent again', async () => {
    answer = status(503, 500);
    const response = await create()(url, { method: 'PUT', body: 'text' });
    expect(await response.text()).toBe('answer 3');
    expect(asked.map(({ body }) => body)).toEqual(['text', 'text', 'text']);
  });

  test('and gives the last response as it is when none succeeds', async () => {
    answer = status(503, 503, 504);
    const response = await create()(url);
    expect([response.status, await response.text()]).toEqual([504, 'answer 3']);
  });

  test('and lets go of the connection of each response that nobody will read', async () => {
    const cancelled: number[] = [];
    let calls = 0;
    const send = async () => {
      calls += 1;
      const call = calls;
      const body = new ReadableStream({ cancel: () => void cancelled.push(call) });
      return new Response(body, { status: 503 });
    };
    const response = await create({ fetch: send })(url);
    expect(cancelled).toEqual([1, 2]);
    await response.body?.cancel();
  });

  test('when the connection breaks', async () => {
    answer = (request, response) => {
      if (asked.length === 1) request.socket.destroy();
      else response.end('hello');
    };
    expect(await (await create()(url)).text()).toBe('hello');
  });

  const stream = () => new Response('streamed').body as ReadableStream;
  const once: [string, () => [Request | string, RequestInit & { duplex?: 'half' }]][] = [
    ['a POST', () => [url, { method: 'POST', body: 'x' }]],
    ['a PATCH', () => [url, { method: 'PATCH', body: 'x' }]],
    ['a stream', () => [url, { method: 'PUT', body: stream(), duplex: 'half' }]],
    ['a Request with a body', () => [new Request(url, { method: 'PUT', body: 'x' }), {}]],
  ];
  test.each(once)('never %s', async (_what, args) => {
    answer = status(503);
    expect((await create()(...args())).status).toBe(503);
    expect(asked).toHaveLength(1);
  });

  test('a POST with an Idempotency-Key', async () => {
    answer = status(503);
    const headers = { 'Idempotency-Key': '"a"' };
    expect((await create()(url, { method: 'POST', body: 'x', headers })).status).toBe(200);
    expect(asked).toHaveLength(2);
  });

  test('nothing when they are switched off', async () => {
    answer = status(503);
    expect((await create({ retry: false })(url)).status).toBe(503);
  });

  test('not before the time that Retry-After gives', async () => {
    answer = (_request, response) =>
      response.writeHead(503, { 'Retry-After': '3600' }).end('later');
    const response = await create({ deadlineMs: 5_000 })(url);
    expect([response.status, await response.text()]).toEqual([503, 'later']);
    expect(asked).toHaveLength(1);
  });
});

describe('the breaker of a host', () => {
  const strict = { retry: false, breaker: { readyToTrip: () => true } } as const;

  test.each([500, 503, 408, 429])('takes %i for a failure', async (failing) => {
    answer = status(failing);
    const policyFetch = create(strict);
    expect((await policyFetch(url)).status).toBe(failing);
    await expect(policyFetch(url)).rejects.toMatchObject({
      code: 'ERR_BREAKER_OPEN',
      breaker: new URL(url).origin,
    });
    expect(asked).toHaveLength(1);
  });

  test.each([200, 304, 400, 404])('takes %i for a success', async (fine) => {
    answer = status(fine, fine);
    const policyFetch = create(strict);
    await policyFetch(url);
    expect((await policyFetch(url)).status).toBe(fine);
  });

  test('is no other host’s', async () => {
    answer = status(500);
    const policyFetch = create(strict);
    await policyFetch(url);
    const other = url.replace('127.0.0.1', 'localhost');
    await expect(policyFetch(other, { signal: AbortSignal.abort('not sent') })).rejects.toBe(
      'not sent',
    );
    expect([...policyFetch.breakers].map(([origin, { state }]) => [origin, state])).toEqual([
      [new URL(url).origin, 'open'],
      [new URL(other).origin, 'closed'],
    ]);
  });

  test('learns nothing from a request that cannot be sent', async () => {
    const policyFetch = create(strict);
    await expect(policyFetch('no url')).rejects.toThrow(TypeError);
    await expect(policyFetch(url, { headers: { 'bad header': 'x' } })).rejects.toThrow(TypeError);
    expect(policyFetch.breakers.size).toBe(0);
  });
});

describe('time', () => {
  test('ends an attempt whose headers do not come, and aborts the request', async () => {
    const closed = Promise.withResolvers<void>();
    answer = (request) => request.socket.on('close', closed.resolve);
    const policyFetch = create({ retry: false, timeoutMs: 50 });
    await expect(policyFetch(url)).rejects.toMatchObject({ code: 'ERR_BREAKER_CALL_TIMEOUT' });
    await closed.promise;
  });

  test('that is left is told to the server', async () => {
    await create({ deadlineMs: 5_000, deadlineHeader: 'x-left' })(url);
    const left = Number(asked[0]?.headers['x-left']);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(5_000);
    await create()(url);
    expect(asked[1]?.headers).not.toHaveProperty('x-request-timeout-ms');
    await create()(url, { deadline: performance.now() + 1_000 });
    expect(Number(asked[2]?.headers['x-request-timeout-ms'])).toBeLessThanOrEqual(1_000);
  });

  test('does not cut off a body that comes slowly, but the caller may', async () => {
    answer = (_request, response) => response.write('a part');
    const controller = new AbortController();
    const policyFetch = create({ timeoutMs: 1_000, deadlineMs: 1_000 });
    const response = await policyFetch(url, { signal: controller.signal });
    const body = response.text();
    controller.abort(new Error('enough'));
    await expect(body).rejects.toThrow('enough');
  });
});

describe('options', () => {
  test('are checked before the first request', () => {
    expect(() => createFetch({ timeoutMs: 0 })).toThrow('timeoutMs must be at least 1 ms, got 0');
    expect(() => createFetch({ retry: { attempts: 0 } })).toThrow('retry.attempts');
    expect(() => createFetch({ maxHosts: 0 })).toThrow('max must be a positive integer, got 0');
    expect(() => createFetch({ deadlineHeader: '' })).toThrow('deadlineHeader');
    expect(() => createFetch({ isFailure: 7 as never })).toThrow('isFailure');
    expect(() => createFetch({ fetch: 7 as never })).toThrow('fetch must be a function, got 7');
  });

  test('let the caller send the requests and judge the answers', async () => {
    const send = vi.fn(async () => new Response('gone', { status: 410 }));
    const policyFetch = create({ fetch: send, isFailure: (status) => status === 410 });
    expect((await policyFetch('http://a.example/')).status).toBe(410);
    expect(send).toHaveBeenCalledTimes(3);
  });

  test('give way to the default when isFailure throws', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const isFailure = () => {
      throw new Error('broken rule');
    };
    const policyFetch = create({ fetch: async () => new Response('x'), isFailure });
    expect((await policyFetch('http://a.example/')).status).toBe(200);
    expect(policyFetch.breakers.get('http://a.example').counts.successes).toBe(1);
    expect(warn.mock.calls[0]?.[0]).toBe('isFailure of "fetch" threw: Error: broken rule');
  });

  test('of the breakers are checked before the first request, which nobody hears of', () => {
    const seen: unknown[] = [];
    const see = (component: unknown) => seen.push((component as { kind: string }).kind);
    subscribe('shopgpt:component', see);
    expect(() => createFetch({ breaker: { maxRequests: 0 } })).toThrow('maxRequests');
    createFetch();
    unsubscribe('shopgpt:component', see);
    expect(seen).toEqual(['breaker-registry']);
  });

  test('bound the hosts that are known', async () => {
    const policyFetch = create({ fetch: async () => new Response(), maxHosts: 2 });
    for (const host of ['a', 'b', 'c']) await policyFetch(`http://${host}.example/`);
    expect(policyFetch.breakers.size).toBe(2);
  });

  test('limit the requests at once per host', async () => {
    const send = () => new Promise<Response>(() => undefined);
    const policyFetch = create({ fetch: send, bulkhead: { concurrency: 1 } });
    policyFetch('http://a.example/').catch(() => undefined);
    await expect(policyFetch('http://a.example/')).rejects.toMatchObject({
      code: 'ERR_BREAKER_BULKHEAD_FULL',
    });
  });
});

describe('a request that cannot be sent', () => {
  const post = (init: RequestInit) => new Request(url, { method: 'POST', ...init });
  const locked = new ReadableStream();
  locked.getReader();
  const cases: [string, () => Parameters<typeof fetch> | Promise<Parameters<typeof fetch>>][] = [
    [
      'has a body that has been read',
      async () => {
        const request = post({ body: 'text' });
        const reader = request.body?.getReader();
        await reader?.read();
        reader?.releaseLock();
        return [request];
      },
    ],
    [
      'has a stream that another reads',
      () => [url, { method: 'POST', duplex: 'half', body: locked }],
    ],
    ['has a stream and no duplex', () => [url, { method: 'POST', body: new ReadableStream() }]],
    ['has a body where none may be', () => [url, { body: 'text' }]],
    ['has no absolute URL', () => ['/products']],
  ];
  test.each(cases)('says nothing about its host: it %s', async (_why, args) => {
    const policyFetch = create();
    await expect(policyFetch(...(await args()))).rejects.toThrow(TypeError);
    expect(asked).toEqual([]);
    expect(policyFetch.breakers.size).toBe(0);
  });
});

describe('a Request', () => {
  test('keeps its method, headers and signal where the init has undefined', async () => {
    answer = status(500);
    const request = new Request(url, { method: 'POST', headers: { 'x-a': 'b' } });
    const init = { method: undefined, headers: undefined, signal: undefined };
    await create()(request, init as never);
    expect(asked).toMatchObject([{ method: 'POST', headers: { 'x-a': 'b' } }]);
    const aborted = new Request(url, { signal: AbortSignal.abort('enough') });
    await expect(create()(aborted)).rejects.toBe('enough');
  });

  test('gives way to the init where that has something', async () => {
    const request = new Request(url, { method: 'POST', headers: { 'x-a': 'b' }, body: 'old' });
    await request.text();
    const init = { method: 'PUT', headers: { 'x-c': 'd' }, body: 'new' };
    await create()(request, init);
    expect(asked).toMatchObject([{ method: 'PUT', headers: { 'x-c': 'd' }, body: 'new' }]);
    expect(asked[0]?.headers).not.toHaveProperty('x-a');
  });

  test('is sent in spite of its own signal when the init has none', async () => {
    const request = new Request(url, { signal: AbortSignal.abort() });
    expect((await create()(request, { signal: null })).status).toBe(200);
  });
});

test('a URL without a host has the breaker of its kind', async () => {
  const policyFetch = create({ retry: false });
  expect(await (await policyFetch('data:,hello')).text()).toBe('hello');
  await expect(policyFetch('file:///nowhere')).rejects.toThrow(TypeError);
  expect([...policyFetch.breakers].map(([key]) => key)).toEqual(['data:', 'file:']);
});

test('hosts are told apart by scheme, name and port, however these are written', async () => {
  const policyFetch = create({ fetch: async () => new Response() });
  for (const same of [
    'http://[::1]:80/',
    'HTTP://A.Example',
    'http://a.example:80/x',
    'https://[::1]:8443',
  ]) {
    await policyFetch(same);
  }
  const keys = [...policyFetch.breakers].map(([key]) => key);
  expect(keys).toEqual(['http://[::1]', 'http://a.example', 'https://[::1]:8443']);
});

test('the door has these names and no others', async () => {
  expect(Object.keys(await import('../src/fetch/index.ts'))).toEqual(['createFetch']);
});
