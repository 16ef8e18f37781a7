import { afterEach, expect, test } from 'vitest';
import * as door from './index.ts';

const { platform } = process;
afterEach(() => {
  Object.defineProperty(process, 'platform', { value: platform });
});

test('the door exports what it says', () => {
  expect(Object.keys(door).sort()).toEqual([
    'EmbeddedPostgresError',
    'postgresVersion',
    'startPostgres',
  ]);
});

test('a platform without binaries is refused in one sentence', async () => {
  Object.defineProperty(process, 'platform', { value: 'plan9' });
  const start = door.startPostgres({ dataDir: '/no/such/folder', port: 1, password: '' });
  await expect(start).rejects.toMatchObject({
    code: 'ERR_EMBEDDED_POSTGRES_PLATFORM',
    message: expect.stringContaining('plan9'),
  });
});
