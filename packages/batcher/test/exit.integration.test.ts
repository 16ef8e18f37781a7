import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const index = new URL('../src/index.ts', import.meta.url).href;

/** What a process prints that runs to its natural end. */
async function output(source: string): Promise<string[]> {
  const program = `import { createBatcher } from '${index}';\n${source}`;
  const args = ['--expose-gc', '--input-type=module-typescript', '--eval', program];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return stdout.trim().split('\n');
}

describe('a process that has nothing else to do', () => {
  test('does not exit before items that wait for company were sent and answered', async () => {
    const printed = await output(`
      const batcher = createBatcher({ maxWaitMs: 200, process: async (items) => items });
      for (const item of [1, 2, 3]) batcher.add(item).then((result) => console.log(result));
    `);
    expect(printed).toEqual(['1', '2', '3']);
  });

  test('does not exit before the callers of a batch that never settles know', async () => {
    const printed = await output(`
      const batcher = createBatcher({ timeoutMs: 200, process: () => new Promise(() => {}) });
      batcher.add(1).catch((error) => console.log(error.code));
    `);
    expect(printed).toEqual(['ERR_BATCHER_TIMEOUT']);
  });

  test('exits when a batcher was closed whose batch never settles', async () => {
    const printed = await output(`
      const batcher = createBatcher({ timeoutMs: 600_000, process: () => new Promise(() => {}) });
      batcher.add(1).catch((error) => console.log(error.code));
      await new Promise((resolve) => setImmediate(resolve));
      await batcher.close({ timeoutMs: 10 });
    `);
    expect(printed).toEqual(['ERR_BATCHER_CLOSED']);
  });

  test('is not kept alive by a batcher that is idle', async () => {
    const printed = await output(`
      const batcher = createBatcher({ maxWaitMs: 60_000, maxSize: 1, process: async (items) => items });
      console.log(await batcher.add('done'));
    `);
    expect(printed).toEqual(['done']);
  });
});

test('after a blocked event loop an answer that lies in the socket counts, though its timeout is due', async () => {
  const printed = await output(`
    import { createServer } from 'node:http';
    const server = createServer((_, response) => response.end('["answer"]'));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address();
    const { request } = await import('node:http');
    const ask = () => new Promise((resolve, reject) => {
      const call = request({ port, host: '127.0.0.1' }, (response) => {
        response.once('data', (data) => resolve(JSON.parse(String(data))));
      });
      call.on('error', reject).end();
    });
    const batcher = createBatcher({ timeoutMs: 300, process: ask });
    const started = performance.now();
    const answer = batcher.add('question');
    server.once('request', () => setImmediate(() => {
      const until = started + 1_000;
      while (performance.now() < until);
    }));
    console.log(await answer.catch((error) => error.code));
    server.close();
    server.closeAllConnections();
  `);
  expect(printed).toEqual(['answer']);
});

test('groups whose items were all taken back leave nothing behind, though no slot became free', async () => {
  const printed = await output(`
    const batcher = createBatcher({
      concurrency: 1,
      timeoutMs: 2_000,
      groupBy: ({ group }) => group,
      process: () => new Promise(() => {}),
    });
    batcher.add({ group: 'hangs' }).catch(() => {});
    const refs = [];
    for (let i = 0; i < 100; i += 1) {
      const controller = new AbortController();
      const group = {};
      refs.push(new WeakRef(group));
      batcher.add({ group }, { signal: controller.signal }).catch(() => {});
      await new Promise((resolve) => setImmediate(resolve));
      controller.abort();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    gc();
    console.log(refs.filter((ref) => ref.deref()).length <= 1);
  `);
  expect(printed).toEqual(['true']);
});
