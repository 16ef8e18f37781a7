import { describe, expect, test } from 'vitest';
import { findBinary, onThisMachine } from './find.ts';

const have = (found: string) => async () => ({ file: `/${found}`, found });
const lack = (why: string) => async () => {
  throw new Error(why);
};

describe('finding', () => {
  test('takes the first source that has the program, and asks no further one', async () => {
    const sources = [lack('not here'), have('second'), lack('asked in vain')];
    expect(await findBinary('Redis', sources, '')).toEqual({ file: '/second', found: 'second' });
  });

  test('says what every source said when none has it', async () => {
    const sources = [lack('not here'), lack('nor there')];
    await expect(findBinary('Redis', sources, 'Build it.')).rejects.toThrow(
      'Redis is not available. Tried: not here; nor there. Build it.',
    );
  });
});

describe('a program on the machine', () => {
  test('is taken when it is new enough', async () => {
    const found = await onThisMachine(['no-such-program', 'node'], () => true)();
    expect(found.file).toMatch(/\/node$/);
  });

  test('is refused, with its version, when it is not', async () => {
    const source = onThisMachine(['node'], () => false);
    await expect(source()).rejects.toThrow(/\/node is v\d+/);
  });

  test('that is not there is named', async () => {
    const source = onThisMachine(['no-such-program', 'nor-this'], () => true);
    await expect(source()).rejects.toThrow('no no-such-program or nor-this in PATH');
  });
});
