import { afterEach, describe, expect, test, vi } from 'vitest';
import { startOpenSearch } from '../src/index.ts';
import { useServer } from '../src/vitest.ts';
import { isAlive, listeners } from './child.ts';

describe('OpenSearch', () => {
  const server = useServer(startOpenSearch, { own: true });

  afterEach(() => {
    vi.unstubAllEnvs();
  });

  async function call(method: string, path: string, body?: object) {
    const response = await fetch(`${server().url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return (await response.json()) as { hits: { total: { value: number } } };
  }

  test('says what it is, and listens on loopback only', async () => {
    expect(server()).toMatchObject({ name: 'OpenSearch', version: '2.19.6' });
    const addresses = await listeners(server().pid ?? 0);
    expect(addresses.length).toBeGreaterThan(0);
    // As IPv4, or as IPv4 within IPv6.
    expect(addresses.filter((address) => !/0100007F:/.test(address))).toEqual([]);
  });

  test('finds words in what was indexed, also after it was killed and came back', async () => {
    await call('PUT', '/things/_doc/1?refresh=true', { text: 'two green lamps' });
    const query = { query: { match: { text: { query: 'LAMPS' } } } };
    expect((await call('POST', '/things/_search', query)).hits.total.value).toBe(1);
    const { pid: before = 0 } = server();
    await server().kill();
    expect(await isAlive(before)).toBe(false);
    await server().restart();
    await call('GET', '/_cluster/health/things?wait_for_status=yellow&timeout=20s');
    expect((await call('POST', '/things/_search', query)).hits.total.value).toBe(1);
  });

  test('of the environment comes first, and is not harmed', async () => {
    vi.stubEnv('TEST_OPENSEARCH_URL', server().url);
    const foreign = await startOpenSearch();
    expect(foreign).toMatchObject({ found: 'TEST_OPENSEARCH_URL', version: '2.19.6' });
    await expect(foreign.kill()).rejects.toMatchObject({ code: 'ERR_TEST_SERVERS_NOT_OURS' });
    vi.stubEnv('TEST_OPENSEARCH_URL', 'http://127.0.0.1:1');
    await expect(startOpenSearch()).rejects.toMatchObject({ code: 'ERR_TEST_SERVERS_UNAVAILABLE' });
  });
});
