import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Migration, MigrationError, nextMigration, readMigrations } from './migrations.ts';

const step = (name: string, checksum = name): Migration => ({ name, checksum, sql: '' });
const one = step('0001-one.sql');
const two = step('0002-two.sql');
const three = step('0003-three.sql');

async function folder(files: Readonly<Record<string, string>>): Promise<string> {
  const name = await mkdtemp(path.join(tmpdir(), 'migrations-'));
  onTestFinished(() => rm(name, { recursive: true }));
  for (const [file, sql] of Object.entries(files)) await writeFile(path.join(name, file), sql);
  return name;
}

test.each([
  ['all', [], one],
  ['some', [one], two],
  ['none', [one, two, three], undefined],
])('the next step when %s are missing in the database', (_, applied, next) => {
  expect(nextMigration([one, two, three], applied)).toBe(next);
});

test.each([
  ['was edited', [one, two], [step(one.name, 'other')], '"0001-one.sql" was edited'],
  ['is missing', [one], [one, two], 'the database has "0002-two.sql"'],
  ['is missing in the middle', [one, three], [one, two, three], 'the database has "0002-two.sql"'],
  [
    'comes too late',
    [one, two, three],
    [one, three],
    '"0002-two.sql" comes before "0003-three.sql"',
  ],
])('refuses when a file %s', (_, migrations, applied, message) => {
  expect(() => nextMigration(migrations, applied)).toThrow(MigrationError);
  expect(() => nextMigration(migrations, applied)).toThrow(message);
});

test('reads the files of a folder in order, and does not mind how their lines end', async () => {
  const unix = await readMigrations(await folder({ '0002-b.sql': 'B\n', '0001-a.sql': 'A\n' }));
  const windows = await readMigrations(
    await folder({ '0001-a.sql': 'A\r\n', '0002-b.sql': 'B\r\n' }),
  );
  expect(unix.map(({ name, sql }) => [name, sql])).toEqual([
    ['0001-a.sql', 'A\n'],
    ['0002-b.sql', 'B\n'],
  ]);
  expect(windows).toEqual(unix);
  expect(new Set(unix.map(({ checksum }) => checksum)).size).toBe(2);
});

test('refuses a file that is not named like a step', async () => {
  const stray = readMigrations(await folder({ '0001-a.sql': '', '2-b.sql': '' }));
  await expect(stray).rejects.toThrow('"2-b.sql" is not named like 0001-what-it-does.sql');
});

test('the migrations of this service are readable', async () => {
  const own = await readMigrations(path.resolve(import.meta.dirname, '../../migrations'));
  expect(own[0]).toMatchObject({ name: '0001-users.sql' });
});
