import type { AddressInfo } from 'node:net';
import { createBreaker } from '@shopgpt/breaker';
import { refusalHandler } from '@shopgpt/breaker/express';
import express from 'express';

const orders = createBreaker({ name: 'order-service' });
orders.isolate();

const app = express();
app.get('/orders', async (_request, response) => {
  response.json(await orders.execute(async () => []));
});
app.use(refusalHandler()); // after the routes

const server = app.listen(0, '127.0.0.1', async () => {
  const { port } = server.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${port}/orders`);
  console.log(answer.status, answer.headers.get('retry-after'), await answer.text());
  server.close();
});
