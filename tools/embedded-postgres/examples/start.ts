import { startPostgres } from '@shopgpt/embedded-postgres';

const postgres = await startPostgres({
  dataDir: '.data/postgres',
  port: Number(process.env['PORT'] ?? 15432),
  password: 'correct horse',
});
process.stdout.write(`${postgres.url}\n`);
await postgres.stop();
