import { expect, test } from 'vitest';
import { greetingText } from './greeting.ts';

const greeting = {
  controlRoomUrl: 'http://127.0.0.1:3000',
  userServiceUrl: 'http://127.0.0.1:3001',
  tokenFile: '.data/api-token',
  database: 'PostgreSQL 18.4, embedded',
  cache: 'in memory',
  events: 'kafka-1:9092',
  exampleId: 'some-id',
};

test('the greeting names every address and ends with a command that can be pasted', () => {
  const lines = greetingText(greeting).split('\n');
  expect(lines).toContain('  Control room  http://127.0.0.1:3000');
  expect(lines).toContain('  user-service  http://127.0.0.1:3001');
  expect(lines).toContain('  API token     .data/api-token');
  expect(lines).toContain('  User events   kafka-1:9092');
  expect(lines).toContain('  curl -i http://127.0.0.1:3001/users/some-id');
});

test('without a user to ask for, the command lists the users', () => {
  expect(greetingText({ ...greeting, exampleId: undefined })).toContain(
    '  curl -i http://127.0.0.1:3001/users\n',
  );
});
