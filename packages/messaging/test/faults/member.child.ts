// A member in a process of its own, to be killed: what it does is told to the parent.
import { promisify } from 'node:util';
import type { Entry } from './journal.ts';
import { startMember } from './member.ts';

const send = promisify((entry: Entry, done: (error: Error | null) => void) =>
  process.send?.(entry, done),
);

process.on('disconnect', () => process.exit());
await startMember(JSON.parse(process.argv[2] ?? '{}'), send);
