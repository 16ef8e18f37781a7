// Starts PostgreSQL in a process of its own, says what became of it in one line of JSON, and waits to be killed.
import { startPostgres } from '../src/index.ts';

// A test that fails before it kills us must not leave us behind.
process.stdin.resume().once('end', () => process.exit());

try {
  const server = await startPostgres(JSON.parse(process.argv[2] ?? '{}'));
  if (process.argv[3] === 'paused') await server.pause();
  say({ pid: server.pid, url: server.url });
} catch (error) {
  const { code, message } = error as { code?: string; message: string };
  say({ code, message });
}

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
