import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createFetch } from '@shopgpt/breaker/fetch';

let requests = 0;
const server = createServer((request, response) => {
  requests += 1;
  response.statusCode = requests === 1 ? 503 : 200;
  response.end(`ms left: ${Number(request.headers['x-request-timeout-ms']) > 0}`);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address() as AddressInfo;

const policyFetch = createFetch({ deadlineMs: 2_000, timeoutMs: 500 });
const response = await policyFetch(`http://127.0.0.1:${port}/products/1`);
console.log(response.status, await response.text(), `${requests} requests`);
server.close();
