import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Order, Report } from './worker.ts';

/** A process with a cache of its own, on the given Redis. */
export interface Member {
  order(order: Order): Promise<Report>;
  stop(): Promise<void>;
}

export async function startMember(redisUrl: string): Promise<Member> {
  const child = fork(path.join(import.meta.dirname, 'worker.ts'), [redisUrl], {
    execArgv: ['--conditions=@shopgpt/source'],
  });
  await once(child, 'message');
  return {
    order: (order) => ask(child, order),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

async function ask(child: ChildProcess, order: Order): Promise<Report> {
  const answer = once(child, 'message');
  child.send(order);
  const [report] = await answer;
  return report as Report;
}
