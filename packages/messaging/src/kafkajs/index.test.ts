import { expect, test } from 'vitest';

test('the door exports what it says', async () => {
  expect(Object.keys(await import('./index.ts')).sort()).toEqual(['kafkajs']);
});
