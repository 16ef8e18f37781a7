import { expect, test } from 'vitest';
import { objectionTo } from './same-origin.ts';

test.each([
  { host: '127.0.0.1:3000' },
  { host: 'localhost:3000' },
  { host: 'localhost' },
  { host: '[::1]:3000' },
  { host: 'localhost:3000', origin: 'http://localhost:3000', 'sec-fetch-site': 'same-origin' },
  { host: '127.0.0.1:3000', 'sec-fetch-site': 'none' },
])('lets %o through', (headers) => {
  expect(objectionTo(headers)).toBeUndefined();
});

test.each([
  {},
  { host: '' },
  { host: 'rebound.example:3000' },
  { host: 'localhost.example:3000' },
  { host: '127.0.0.1.nip.example' },
  { host: 'localhost:3000@rebound.example' },
  { host: '192.0.2.7:3000' },
  { host: 'local host' },
])('refuses a name that is not of this machine: %o', (headers) => {
  expect(objectionTo(headers)).toContain('a control room for localhost');
});

test.each([
  { origin: 'https://shop.example' },
  { origin: 'null' },
  { origin: 'http://localhost:5173' },
  { origin: 'http://127.0.0.1:3000' },
  { origin: 'https://localhost:3000' },
  { origin: '' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
])('refuses a page of another origin: %o', (headers) => {
  expect(objectionTo({ host: 'localhost:3000', ...headers })).toContain('refused');
});
