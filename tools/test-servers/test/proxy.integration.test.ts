import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FaultProxy, startProxy } from '../src/index.ts';
import { outcomeAfter } from './child.ts';

let target: Server;
let proxy: FaultProxy;
const accepted: Socket[] = [];

/** Says everything back. */
beforeEach(async () => {
  target = createServer({ allowHalfOpen: true }, (socket) => {
    accepted.push(socket);
    socket.on('error', () => undefined).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(target, 'listening');
  const address = target.address();
  const port = typeof address === 'object' ? address?.port : 0;
  proxy = await startProxy({ target: `redis://user:secret@127.0.0.1:${port}/3?tls=no` });
});
afterEach(async () => {
  await proxy.stop();
  for (const socket of accepted.splice(0)) socket.destroy();
  target.close();
});

async function dial(): Promise<Socket> {
  const socket = connect(proxy.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

async function echo(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  return heard(socket, text.length);
}

async function heard(socket: Socket, length: number): Promise<string> {
  let answer = '';
  while (answer.length < length) answer += String((await once(socket, 'data'))[0]);
  return answer;
}

describe('a healthy proxy', () => {
  test('passes bytes both ways, and the end of each direction', async () => {
    const socket = await dial();
    expect(await echo(socket, 'hello')).toBe('hello');
    const ended = once(socket, 'end');
    socket.end('bye');
    expect(await heard(socket, 3)).toBe('bye');
    await ended;
  });

  test('passes a large body whole', async () => {
    const socket = await dial();
    const body = Array.from({ length: 300_000 }, (_, index) => index.toString(36)).join(' ');
    expect((await echo(socket, body)) === body).toBe(true);
    socket.destroy();
  });

  test('has the address of its target with its own port', () => {
    expect(proxy.url()).toBe(`redis://user:secret@127.0.0.1:${proxy.port}/3?tls=no`);
    expect(proxy.url('tcp')).toBe(`tcp://user:secret@127.0.0.1:${proxy.port}/3?tls=no`);
  });

  test('ends a connection whose target is not there', async () => {
    const lost = await startProxy({ target: '127.0.0.1:1' });
    const socket = connect(lost.port, '127.0.0.1').on('error', () => undefined);
    await closeOf(socket);
    await lost.stop();
    expect(socket.bytesRead).toBe(0);
  });

  test('ends the client when the target ends, and the target when the client ends', async () => {
    const first = await dial();
    await echo(first, 'a');
    const closed = closeOf(first);
    accepted[0]?.resetAndDestroy();
    await closed;
    const second = await dial();
    await echo(second, 'b');
    const gone = closeOf(accepted[1] ?? second);
    second.resetAndDestroy();
    await gone;
    await expect.poll(() => proxy.connections).toBe(0);
  });
});

describe('a delay', () => {
  test('holds bytes back in both directions and keeps their order', async () => {
    const socket = await dial();
    proxy.delay(100);
    const since = performance.now();
    const answer = heard(socket, 26);
    for (const letter of 'abcdefghijklmnopqrstuvwxyz') socket.write(letter);
    expect(await answer).toBe('abcdefghijklmnopqrstuvwxyz');
    expect(performance.now() - since).toBeGreaterThan(195);
    socket.destroy();
  });

  test('that ends lets go what it held', async () => {
    const socket = await dial();
    proxy.delay(3_600_000);
    const answer = echo(socket, 'a');
    expect(await outcomeAfter(100, answer)).toBe('silence');
    proxy.delay(0);
    expect(await answer).toBe('a');
    socket.destroy();
  });

  test('keeps the order when it is made shorter', async () => {
    const socket = await dial();
    proxy.delay(300);
    const answer = heard(socket, 2);
    socket.write('a');
    expect(await outcomeAfter(100, answer)).toBe('silence');
    proxy.delay(1);
    socket.write('b');
    expect(await answer).toBe('ab');
    socket.destroy();
  });
});

describe('a cut', () => {
  test('destroys connections and refuses new ones until it is healed', async () => {
    const socket = await dial();
    await echo(socket, 'a');
    const closed = closeOf(socket);
    proxy.cut();
    await closed;
    const refused = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
    await closeOf(refused);
    expect(refused.bytesRead).toBe(0);
    proxy.heal();
    const again = await dial();
    expect(await echo(again, 'b')).toBe('b');
    again.destroy();
  });
});

describe('a black hole', () => {
  test('keeps connections open, passes nothing, and lets it go when healed', async () => {
    const open = await dial();
    await echo(open, 'a');
    proxy.blackHole();
    const fresh = await dial();
    const answers = [echo(open, 'b'), echo(fresh, 'c')];
    expect(await outcomeAfter(200, Promise.race(answers))).toBe('silence');
    expect([open.closed, fresh.closed]).toEqual([false, false]);
    proxy.heal();
    expect(await Promise.all(answers)).toEqual(['b', 'c']);
    for (const socket of [open, fresh]) socket.destroy();
  });

  test('lets a sender wait when it holds too much, and loses nothing', async () => {
    const socket = await dial();
    proxy.blackHole();
    const body = 'x'.repeat(32 * 1024 * 1024);
    socket.write(body);
    const drained = new Promise<void>((resolve) => socket.once('drain', () => resolve()));
    expect(await outcomeAfter(300, drained)).toBe('silence');
    proxy.heal();
    expect((await heard(socket, body.length)).length).toBe(body.length);
    socket.destroy();
  });

  test('hides from the client that the target is gone', async () => {
    const socket = await dial();
    await echo(socket, 'a');
    proxy.blackHole();
    const closed = closeOf(socket);
    accepted[0]?.end();
    expect(await outcomeAfter(200, closed)).toBe('silence');
    proxy.heal();
    socket.end();
    await closed;
  });
});

test('stopping ends what is open, and may be done twice', async () => {
  const socket = await dial();
  const closed = closeOf(socket);
  await proxy.stop();
  await proxy.stop();
  await closed;
  const refused = connect(proxy.port, '127.0.0.1');
  const [error] = await once(refused, 'error');
  expect(error).toMatchObject({ code: 'ECONNREFUSED' });
});
