import { afterEach, expect, test, vi } from 'vitest';
import { codecOf, codecOfId } from './codecs.ts';

afterEach(() => {
  vi.doUnmock('snappy');
  vi.doUnmock('lz4-napi');
  vi.resetModules();
});

test.each([
  [1, 'gzip'],
  [2, 'snappy'],
  [3, 'lz4'],
  [4, 'zstd'],
] as const)('codec %i is %s, and gives back what it took', async (id, name) => {
  const codec = await codecOfId(id);
  expect(codec.id).toBe((await codecOf(name)).id);
  const text = Buffer.from('again and again '.repeat(100));
  const packed = await codec.compress(text);
  expect(packed.length).toBeLessThan(text.length);
  expect(Buffer.compare(await codec.decompress(packed), text)).toBe(0);
});

test.each([
  ['snappy', 'snappy'],
  ['lz4', 'lz4-napi'],
] as const)('without its package, %s says which one it needs', async (name, needed) => {
  vi.resetModules();
  vi.doMock(needed, () => {
    throw new Error(`Cannot find package '${needed}'`);
  });
  const fresh = await import('./codecs.ts');
  await expect(fresh.codecOf(name)).rejects.toMatchObject({
    code: 'ERR_MESSAGING_DRIVER',
    isRetriable: false,
    message: `compression '${name}' needs ${needed} (npm install ${needed})`,
  });
});

test('snappy is framed as Kafka’s own clients do it, and read with and without the frame', async () => {
  const codec = await codecOf('snappy');
  const { compress } = await import('snappy');
  const text = Buffer.from('some text '.repeat(50));
  const framed = await codec.compress(text);
  expect(framed.subarray(1, 7).toString()).toBe('SNAPPY');
  const bare = await compress(text);
  expect((await codec.decompress(bare)).equals(text)).toBe(true);
  const two = Buffer.concat([framed, framed.subarray(16)]);
  expect((await codec.decompress(two)).equals(Buffer.concat([text, text]))).toBe(true);
});

test('nothing is unpacked without an end', async () => {
  const codec = await codecOf('zstd');
  const huge = await codec.compress(Buffer.alloc(300 * 1024 * 1024));
  await expect(codec.decompress(huge)).rejects.toThrow();
});
