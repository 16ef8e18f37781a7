import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { startPostgres } from '@shopgpt/test-servers';
import { useServer } from '@shopgpt/test-servers/vitest';
import { expect, test, vi } from 'vitest';
import { apiToken } from './support/service.ts';
import { useService } from './support/use-service.ts';

const crowd = 1_000;
const patience = { timeout: 30_000, interval: 100 };

const postgres = useServer(startPostgres);
const running = useService(postgres, () => ({
  REQUEST_TIMEOUT_MS: '3000',
  MAX_CONNECTIONS: '1500',
}));

interface Slow {
  readonly socket: Socket;
  received: string;
  isClosed: boolean;
}

/** A client that sends a good request but for its body, of which a byte comes now and then. */
function slowClient(port: number): Slow {
  const socket = connect(port, '127.0.0.1');
  const slow: Slow = { socket, received: '', isClosed: false };
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    slow.received += chunk;
  });
  socket.on('close', () => {
    slow.isClosed = true;
  });
  socket.write(
    `POST /users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${apiToken}\r\n` +
      'content-type: application/json\r\ncontent-length: 15000\r\n\r\n{',
  );
  return slow;
}

/** Resident memory of the service in MiB, where the system tells. */
async function residentMiB(): Promise<number> {
  const status = await readFile(`/proc/${running().service.pid}/status`, 'utf8').catch(() => '');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1_024;
}

test('1,000 connections with slow bodies are cut, and others are served meanwhile', async () => {
  const { service } = running();
  const before = await residentMiB();
  const clients = Array.from({ length: crowd }, () =>
    slowClient(Number(new URL(service.url).port)),
  );
  const drip = setInterval(() => {
    for (const { socket } of clients) if (socket.writable) socket.write(' ');
  }, 200);
  try {
    await vi.waitFor(
      () => expect(clients.every(({ socket }) => !socket.connecting)).toBe(true),
      patience,
    );
    expect(clients.some(({ isClosed }) => isClosed)).toBe(false);
    const json = { email: 'ann@example.com', name: 'Ann' };
    const created = await service.call('POST', '/users', { json });
    expect(created.status).toBe(201);
    expect((await service.get(`/users/${created.body['id']}`)).status).toBe(200);
    expect((await residentMiB()) - before).toBeLessThan(150);
    await vi.waitFor(() => expect(clients.every(({ isClosed }) => isClosed)).toBe(true), patience);
  } finally {
    clearInterval(drip);
    for (const { socket } of clients) socket.destroy();
  }
  const told = clients.filter(({ received }) => received.startsWith('HTTP/1.1 408 '));
  expect(told.length).toBeGreaterThan(0);
  expect((await service.get('/readyz')).status).toBe(200);
});

test('connections over the limit are closed at once, and there is room again when others go', async () => {
  const { service } = running();
  const port = Number(new URL(service.url).port);
  const clients = Array.from({ length: 1_600 }, () => slowClient(port));
  const turnedAway = () =>
    clients.filter(({ isClosed, received }) => isClosed && received === '').length;
  try {
    await vi.waitFor(() => expect(turnedAway()).toBeGreaterThanOrEqual(100), patience);
  } finally {
    for (const { socket } of clients) socket.destroy();
  }
  await vi.waitFor(async () => expect((await service.get('/readyz')).status).toBe(200), patience);
});
