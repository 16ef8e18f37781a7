import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Order, Report } from './worker.ts';

/** A process with a cache of its own, on the given Redis. */
export interface Member {
  order(order: Order): Promise<Report>;
  /** How many loaders it has started. */
  loads(): Promise<number>;
  /** SIGKILL. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export async function startMember(redisUrl: string): Promise<Member> {
  const child = fork(path.join(import.meta.dirname, 'worker.ts'), [redisUrl], {
    execArgv: ['--conditions=@shopgpt/source'],
  });
  await once(child, 'message');
  return {
    order: (order) => ask(child, order),
    loads: async () => (await ask(child, { do: 'stats' })).loads,
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

async function ask(child: ChildProcess, order: Order): Promise<Report> {
  const { promise, resolve, reject } = Promise.withResolvers<Report>();
  const gone = () => reject(new Error('the process is gone'));
  child.once('message', (report: Report) => resolve(report));
  child.once('exit', gone);
  child.send(order);
  return promise.finally(() => child.off('exit', gone));
}
