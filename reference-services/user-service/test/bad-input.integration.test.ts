import { once } from 'node:events';
import { connect } from 'node:net';
import { startPostgres } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { beforeAll, describe, expect, test } from 'vitest';
import { sql } from './support/database.ts';
import { type Answer, apiToken, type CallOptions } from './support/service.ts';
import { useService } from './support/use-service.ts';

const postgres = useServer(startPostgres);
const running = useService(postgres);

const post = (options: CallOptions) => running().service.call('POST', '/users', options);
const ann = { email: 'ann@example.com', name: 'Ann' };
let path = '';

beforeAll(async () => {
  const { body } = await post({ json: { email: 'first@example.com', name: 'First' } });
  path = `/users/${body['id']}`;
});

function expectProblem(answer: Answer, status: number, kind: string): void {
  expect(answer.body).toMatchObject({ status, type: `urn:shopgpt:problem:${kind}` });
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
}

function expectField(answer: Answer, field: string, detail: string, value: unknown): void {
  expectProblem(answer, 400, 'invalid-input');
  const error = value === undefined ? { field, detail } : { field, detail, value };
  expect(answer.body['errors']).toContainEqual(error);
  expect(answer.body['detail']).toContain(`${field} ${detail}`);
}

/** The head of a request to create a user, on a connection of its own, and all that comes back on it. */
function rawPost(headers: readonly string[]) {
  const socket = connect(Number(new URL(running().service.url).port), '127.0.0.1');
  const head = [
    'POST /users HTTP/1.1',
    'host: x',
    `authorization: Bearer ${apiToken}`,
    'content-type: application/json',
    ...headers,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  let received = '';
  socket.on('data', (piece) => {
    received += piece;
  });
  const answer = once(socket, 'close').then(() => received);
  return { socket, answer };
}

describe('a body', () => {
  test('that waits for leave gets it when it is wanted, and its refusal at once when it is not', async () => {
    const waits = ['expect: 100-continue', 'connection: close'];
    const tooLarge = rawPost([...waits, 'content-length: 1000000']);
    expect(await tooLarge.answer).toMatch(/^HTTP\/1.1 413 /);
    const json = JSON.stringify({ name: 'Patient', email: 'patient@example.com' });
    const wanted = rawPost([...waits, `content-length: ${json.length}`]);
    wanted.socket.once('data', () => wanted.socket.write(json));
    expect(await wanted.answer).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 201 /);
    await sql(running().databaseUrl, `DELETE FROM users WHERE name = 'Patient'`);
  });

  test('that is malformed JSON is refused without being quoted', async () => {
    const answer = await post({ json: '{"email": "a@b.example", "password": "geheim", }' });
    expectProblem(answer, 400, 'malformed-json');
    expect(answer.body['detail']).toContain('at position 47');
    expect(JSON.stringify(answer.body)).not.toContain('geheim');
  });

  test.each([
    ['is missing', undefined, 'is required'],
    ['is a number', '5', 'must be of type object'],
    ['is an array', '[]', 'must be of type object'],
    ['is null', 'null', 'must be of type object'],
  ])('that %s is refused', async (_, json, detail) => {
    expectField(await post(json === undefined ? {} : { json }), 'body', detail, undefined);
  });

  test('with unknown fields is refused, each named with its value', async () => {
    const answer = await post({ json: { ...ann, role: 'admin', isAdmin: true } });
    expectField(answer, 'role', 'is not known', 'admin');
    expectField(answer, 'isAdmin', 'is not known', true);
  });

  test('that would reach for the prototype is refused', async () => {
    const json = '{"email":"a@b.example","name":"A","__proto__":{"version":9},"constructor":1}';
    const answer = await post({ json });
    expectField(answer, '__proto__', 'is not known', 'an object');
    expectField(answer, 'constructor', 'is not known', 1);
  });

  test('with wrong types is refused, each field named with its value', async () => {
    const answer = await post({ json: { email: 5, name: ['Ann'] } });
    expectField(answer, 'email', 'must be of type string', 5);
    expectField(answer, 'name', 'must be of type string', 'an array');
  });

  test.each([
    ['email', 'no-at-sign', 'must be an e-mail address'],
    ['email', `${'a'.repeat(250)}@example.com`, 'must have at most 254 characters'],
    ['name', '   ', 'must not be empty'],
    ['name', 'x'.repeat(201), 'must have at most 200 characters'],
    ['name', 'a\u0000b', 'must be text without control characters'],
    ['name', 'a\ud800b', 'must be text without control characters'],
  ])('with a wrong %s is refused: %j', async (field, value, detail) => {
    const shown = value.length > 100 ? `${value.slice(0, 100)}…` : value;
    expectField(await post({ json: { ...ann, [field]: value } }), field, detail, shown);
  });

  test('may not hide a secret in an error: it is masked', async () => {
    const answer = await post({ json: { ...ann, password: 'geheim', apiToken: 'geheim' } });
    expectField(answer, 'password', 'is not known', '***');
    expect(JSON.stringify(answer.body)).not.toContain('geheim');
  });

  test('that is nested thousands of times is refused like any other', async () => {
    const json = `{"email":${'['.repeat(8_000)}${']'.repeat(8_000)},"name":"Ann"}`;
    const answer = await post({ json });
    expectField(answer, 'email', 'must be of type string', 'an array');
  });

  test('without any field changes nothing and is refused', async () => {
    const answer = await running().service.call('PATCH', path, { json: {} });
    expectField(answer, 'body', 'must have at least one of email, name', undefined);
  });

  test('over the limit is refused before it is read', async () => {
    const { socket, answer } = rawPost(['content-length: 1000000']);
    const head = String((await once(socket, 'data'))[0]);
    socket.end();
    await answer;
    expect(head).toMatch(/^HTTP\/1.1 413 /);
    expect(head).toContain('urn:shopgpt:problem:body-too-large');
  });

  test('over the limit is refused when it does not say its length', async () => {
    const { socket, answer } = rawPost(['transfer-encoding: chunked', 'connection: close']);
    const chunk = `400\r\n${' '.repeat(1_024)}\r\n`;
    socket.write(`${chunk.repeat(20)}0\r\n\r\n`);
    expect(await answer).toMatch(/^HTTP\/1.1 413 /);
    expect(await answer).toContain('urn:shopgpt:problem:body-too-large');
  });

  test.each([
    ['text/plain', {}],
    ['application/x-www-form-urlencoded', {}],
    ['application/json; charset=iso-8859-1', {}],
    ['application/json', { 'content-encoding': 'gzip' }],
  ])('of another media type is refused: %s %o', async (type, headers) => {
    const answer = await post({ json: ann, headers: { 'content-type': type, ...headers } });
    expectProblem(answer, 415, 'unsupported-media-type');
  });
});

describe('a token', () => {
  test('that is missing is asked for', async () => {
    for (const method of ['POST /users', `PATCH ${path}`, `DELETE ${path}`, 'GET /stats']) {
      const [verb = '', where = ''] = method.split(' ');
      const answer = await running().service.call(verb, where, { token: undefined });
      expectProblem(answer, 401, 'unauthorized');
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="user-service"');
    }
  });

  test.each(['wrong', `${apiToken}x`, apiToken.slice(1), apiToken.toUpperCase()])(
    'that is wrong is refused and not repeated: %s',
    async (token) => {
      const answer = await post({ json: ann, token });
      expectProblem(answer, 401, 'unauthorized');
      expect(answer.body['detail']).toBe('the API token is wrong');
      expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
      expect(running().service.output).not.toContain(token);
    },
  );

  test('in another scheme is refused', async () => {
    const headers = { authorization: `Basic ${apiToken}` };
    expectProblem(await post({ json: ann, token: undefined, headers }), 401, 'unauthorized');
  });
});

describe('SQL', () => {
  const attack = `Robert'); DROP TABLE users; --`;
  const attackingEmail = `o'--drop-table-users@example.com`;

  test('in a name or an address is stored as the text that it is', async () => {
    const created = await post({ json: { email: attackingEmail, name: attack } });
    expect(created.status).toBe(201);
    const changed = await running().service.call('PATCH', path, {
      json: { name: `$1; ${attack}`, email: `a'--b@example.com` },
      headers: { 'if-match': `"1", "1; ${attack}"` },
    });
    expect(changed.status).toBe(200);
    const rows = await sql(running().databaseUrl, 'SELECT email, name FROM users ORDER BY id');
    expect(rows).toEqual([
      { email: `a'--b@example.com`, name: `$1; ${attack}` },
      { email: attackingEmail, name: attack },
    ]);
  });

  test('in an id, a limit or a cursor is refused', async () => {
    const text = encodeURIComponent(attack);
    expectField(await running().service.get(`/users/${text}`), 'id', 'must be a UUID', attack);
    for (const field of ['limit', 'cursor']) {
      const answer = await running().service.get(`/users?${field}=${text}`);
      expectProblem(answer, 400, 'invalid-input');
      expect(answer.body['errors']).toMatchObject([{ field, value: attack }]);
    }
  });
});

describe('a path or query', () => {
  test.each(['1', 'me', '01a20435-0000-7000-8000-00000000000', '%00', '..%2Fstats'])(
    'with an id that is none is refused: %s',
    async (id) => {
      const answer = await running().service.get(`/users/${id}`);
      expectField(answer, 'id', 'must be a UUID', decodeURIComponent(id));
    },
  );

  test('that cannot be decoded is refused', async () => {
    expectProblem(await running().service.get('/users/%E0%A4%A'), 400, 'bad-request');
  });

  test.each(['0', '101', '-1', '1e1', '5.5', ''])('with the limit %j is refused', async (limit) => {
    const answer = await running().service.get(`/users?limit=${limit}`);
    expectField(answer, 'limit', 'must be a whole number from 1 to 100', limit);
  });

  test('with a parameter twice or an unknown one is refused', async () => {
    const answer = await running().service.get('/users?limit=1&limit=2&offset=3');
    expectField(answer, 'offset', 'is not known', '3');
    expectField(answer, 'limit', 'must be given once', 'an array');
  });

  test('with a cursor that was tampered with is refused', async () => {
    for (const email of ['p1@example.com', 'p2@example.com'])
      await post({ json: { ...ann, email } });
    const page = await running().service.get('/users?limit=1');
    const cursor = new URL(String(page.body['next']), 'http://x').searchParams.get('cursor') ?? '';
    expect((await running().service.get(`/users?cursor=${cursor}`)).status).toBe(200);
    for (const at of [0, 10, 21, 30, 42]) {
      const other = cursor[at] === 'A' ? 'B' : 'A';
      const tampered = cursor.slice(0, at) + other + cursor.slice(at + 1);
      const answer = await running().service.get(`/users?cursor=${tampered}`);
      expectField(answer, 'cursor', 'is not one that this service gave out', tampered);
    }
  });

  test('that nothing answers is a 404, and a method that a path lacks a 405 with Allow', async () => {
    expectProblem(await running().service.get('/nothing'), 404, 'no-such-route');
    const answer = await running().service.call('PUT', '/users');
    expectProblem(answer, 405, 'method-not-allowed');
    expect(answer.headers.get('allow')).toBe('GET, HEAD, POST');
    expect((await running().service.call('POST', path)).headers.get('allow')).toBe(
      'GET, HEAD, PATCH, DELETE',
    );
  });

  test('with too large headers is a 431', async () => {
    const answer = await running().service.get('/users', {
      headers: { 'x-large': 'x'.repeat(9_000) },
    });
    expectProblem(answer, 431, 'headers-too-large');
  });
});

test.each([
  ['is not HTTP', 'hello', 400, 'bad-request'],
  ['does not say its host', 'GET /users HTTP/1.1', 400, 'bad-request'],
  [
    'expects the unknown',
    'GET /users HTTP/1.1\r\nhost: x\r\nexpect: a miracle\r\nconnection: close',
    417,
    'expectation-failed',
  ],
])('what %s is answered with a problem and an end', async (_, head, status, kind) => {
  const socket = connect(Number(new URL(running().service.url).port), '127.0.0.1');
  socket.write(`${head}\r\n\r\n`);
  const answer = (await socket.toArray()).join('');
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(answer).toContain(`urn:shopgpt:problem:${kind}`);
});

test('after all of this the service still does its work, and no log line has the token', async () => {
  expect((await post({ json: { ...ann, email: 'last@example.com' } })).status).toBe(201);
  expect(running().service.output).not.toContain(apiToken);
});
