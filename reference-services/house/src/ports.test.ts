import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { firstFreePort, requireFreePorts } from './ports.ts';

let server: Server;
let taken: number;
beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  taken = (server.address() as AddressInfo).port;
});
afterEach(() => {
  server.close();
});

test('all taken ports are named at once', async () => {
  await expect(requireFreePorts({ HOUSE_PORT: taken, USER_SERVICE_PORT: taken })).rejects.toThrow(
    expect.objectContaining({
      code: 'ERR_HOUSE_PORT',
      message: [
        'The house cannot listen on 127.0.0.1:',
        `  port ${taken} is taken; set HOUSE_PORT to another`,
        `  port ${taken} is taken; set USER_SERVICE_PORT to another`,
      ].join('\n'),
    }),
  );
});

test('a port that becomes free in time is no mistake', async () => {
  const required = requireFreePorts({ HOUSE_PORT: taken }, 5000);
  server.close();
  await expect(required).resolves.toBeUndefined();
});

test('a taken port is passed over', async () => {
  expect(await firstFreePort(taken)).toBeGreaterThan(taken);
});
