import { expect, test } from 'vitest';
import { readLogLine } from './log-line.ts';

test.each([
  ['{"level":30,"msg":"listening","url":"http://127.0.0.1:1"}', 30, 'listening'],
  ['{"level":40,"msg":"slow"}', 40, 'slow'],
  ['{"msg":"no level"}', 30, 'no level'],
  ['{"level":50,"msg":"request failed","err":{"message":"gone"}}', 50, 'request failed: gone'],
  ['{"level":50,"msg":"gone","err":{"message":"gone"}}', 50, 'gone'],
  ['{"level":50,"msg":"failed","err":{"message":""}}', 50, 'failed'],
  ['{"level":50,"msg":"failed","err":null}', 50, 'failed'],
])('reads %s', (line, level, text) => {
  expect(readLogLine(line)).toMatchObject({ level, text });
});

test.each(['TypeError: x is not a function', '{"level":30', '42', 'null', '{"level":30,"msg":7}'])(
  'takes what is no log line as an error: %s',
  (line) => {
    expect(readLogLine(line)).toEqual({ level: 50, message: line, text: line });
  },
);
