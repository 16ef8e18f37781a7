import { randomUUID } from 'node:crypto';
import { startPostgres } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type Answer, type CallOptions, type Service, startService } from './support/service.ts';
import { useService } from './support/use-service.ts';

type Node = Record<string, unknown>;

const postgres = useServer(startPostgres);
const running = useService(postgres);
let away: Service;
let document: Node;

beforeAll(async () => {
  away = await startService({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/user_db' });
  document = (await running().service.get('/openapi.json')).body;
});
afterAll(() => away.stop());

/** The node with every `$ref` replaced by what it refers to. */
function resolved(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(resolved);
  if (typeof node !== 'object' || node === null) return node;
  const { $ref } = node as { $ref?: string };
  if ($ref) return resolved(at(document, $ref.slice(2).split('/')));
  return Object.fromEntries(Object.entries(node).map(([name, value]) => [name, resolved(value)]));
}

function at(node: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => (inner as Node | undefined)?.[name], node);
}

function documentedStatuses(path: string, method: string): string[] {
  return Object.keys(at(document, ['paths', path, method, 'responses']) as Node).sort();
}

function expectAsDocumented(path: string, method: string, answer: Answer): void {
  const response = resolved(
    at(document, ['paths', path, method, 'responses', String(answer.status)]),
  );
  expect(response, `${answer.status} of ${method} ${path} is not documented`).toBeDefined();
  for (const name of Object.keys((at(response, ['headers']) ?? {}) as Node)) {
    if (name !== 'Age' && name !== 'Link') expect(answer.headers.get(name), name).not.toBeNull();
  }
  const [type] = (answer.headers.get('content-type') ?? '').split(';');
  const schema = at(response, ['content', String(type), 'schema']);
  if (answer.status === 204 || answer.status === 304) return;
  expect(schema, `${type} of ${method} ${path} is not documented`).toBeDefined();
  const check = z.fromJSONSchema(schema as z.core.JSONSchema.JSONSchema).safeParse(answer.body);
  expect(check.error?.issues ?? []).toEqual([]);
}

interface Call {
  readonly path?: string;
  readonly options?: CallOptions;
  readonly on?: 'away';
}

const nobody = '/users/01a20435-0000-7000-8000-000000000000';
const json = { email: 'new@example.com', name: 'New' };
const taken = { email: 'taken@example.com', name: 'Taken' };
const text = { json: 'text', headers: { 'content-type': 'text/plain' } };
const large = { json: { ...json, name: 'x'.repeat(20_000) } };
const noToken = { options: { token: undefined } };
const stale = { headers: { 'if-match': '"9"' } };
const current = { headers: { 'if-none-match': '"1"', 'cache-control': 'max-age=0' } };
const onAway = { on: 'away' } as const;

// Calls that bring about every documented answer. `:id` is a user of its own.
const table: [path: string, method: string, calls: Call[]][] = [
  ['/users', 'get', [{}, { path: '/users?limit=x' }, onAway]],
  [
    '/users',
    'post',
    [
      { options: { json } },
      { options: { json: {} } },
      noToken,
      { options: { json: taken } },
      { options: large },
      { options: text },
      { ...onAway, options: { json } },
    ],
  ],
  [
    '/users/{id}',
    'get',
    [{}, { options: current }, { path: '/users/x' }, { path: nobody }, onAway],
  ],
  [
    '/users/{id}',
    'patch',
    [
      { options: { json: { name: 'Other' } } },
      { options: { json: {} } },
      noToken,
      { path: nobody, options: { json: { name: 'Other' } } },
      { options: { json: { email: taken.email } } },
      { options: { json: { name: 'Other' }, ...stale } },
      { options: large },
      { options: text },
      { ...onAway, options: { json: { name: 'Other' } } },
    ],
  ],
  [
    '/users/{id}',
    'delete',
    [{ options: stale }, noToken, { path: '/users/x' }, { path: nobody }, onAway, {}],
  ],
  ['/livez', 'get', [{}]],
  ['/readyz', 'get', [{}, onAway]],
  ['/health', 'get', [{}]],
  ['/stats', 'get', [{}, noToken]],
  ['/openapi.json', 'get', [{}]],
];

describe('the document', () => {
  test('is answered by the service, and documents what the table below calls', () => {
    expect(document['openapi']).toBe('3.1.0');
    const documented = Object.entries(document['paths'] as Node).flatMap(([path, item]) =>
      Object.keys(item as Node)
        .filter((method) => method !== 'parameters')
        .map((method) => `${method} ${path}`),
    );
    expect(documented.sort()).toEqual(table.map(([path, method]) => `${method} ${path}`).sort());
  });

  test.each(table)(
    '%s %s answers every documented status as documented',
    async (path, method, calls) => {
      const { service } = running();
      await service.call('POST', '/users', { json: taken });
      const email = `${randomUUID()}@example.com`;
      const user = await service.call('POST', '/users', { json: { email, name: 'User' } });
      const seen = new Set<string>();
      for (const call of calls) {
        const target = call.on === 'away' ? away : service;
        const where = (call.path ?? path).replace('{id}', String(user.body['id']));
        const answer = await target.call(method.toUpperCase(), where, call.options);
        expectAsDocumented(path, method, answer);
        seen.add(String(answer.status));
      }
      expect([...seen].sort()).toEqual(documentedStatuses(path, method));
    },
  );
});
