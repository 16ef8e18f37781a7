import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FaultProxy, startProxy } from '@shopgpt/test-servers';
import type { Answer, Call, Calls, NodeOptions } from './node.child.ts';
import { Rows } from './rows.ts';

/** Rows of this number on are for finding out whether the processes hear each other. */
const FIRST_PROBE = 30_000;
const ROWS = 32_000;

/** A process of the fleet and its two ways to Redis. */
export class Node {
  readonly options: NodeOptions;
  /** For commands, and for what it hears; undefined where it goes straight. */
  readonly data: FaultProxy | undefined;
  readonly ears: FaultProxy | undefined;
  #child: ChildProcess;
  #calls = 0;

  private constructor(options: NodeOptions, child: ChildProcess, proxies: readonly FaultProxy[]) {
    this.options = options;
    this.#child = child;
    [this.data, this.ears] = proxies;
  }

  static async start(options: NodeOptions, proxies: readonly FaultProxy[] = []): Promise<Node> {
    return new Node(options, await startChild(options), proxies);
  }

  async call<Name extends keyof Calls>(
    name: Name,
    ...args: Parameters<Calls[Name]>
  ): Promise<Awaited<ReturnType<Calls[Name]>>> {
    const child = this.#child;
    this.#calls += 1;
    const id = this.#calls;
    const { promise, resolve, reject } = Promise.withResolvers<never>();
    const gone = () => reject(new Error('the process is gone'));
    const hear = (answer: Answer) => {
      if (answer.id !== id) return;
      if ('error' in answer) reject(new Error(answer.error));
      else resolve(answer.result as never);
    };
    child.on('message', hear).once('exit', gone);
    child.send({ id, name, args } satisfies Call);
    return promise.finally(() => child.off('message', hear).off('exit', gone));
  }

  /** SIGSTOP and SIGCONT. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  /** Another process in the place of the one that was killed. */
  async restart(): Promise<void> {
    this.#child = await startChild(this.options);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.disconnect();
      this.resume();
      await once(this.#child, 'exit');
    }
    await Promise.all([this.data?.stop(), this.ears?.stop()]);
  }
}

async function startChild(options: NodeOptions): Promise<ChildProcess> {
  const file = path.join(import.meta.dirname, 'node.child.ts');
  const execArgv = ['--conditions=@shopgpt/source'];
  const child = fork(file, [JSON.stringify(options)], { execArgv });
  child.setMaxListeners(100);
  await once(child, 'message');
  return child;
}

/** Several processes over one Redis and one database. */
export class Fleet {
  readonly nodes: readonly Node[];
  /** As somebody sees and changes them who knows of no cache. */
  readonly rows: Rows;
  readonly #folder: string;
  #probes = 0;

  private constructor(nodes: readonly Node[], rows: Rows, folder: string) {
    this.nodes = nodes;
    this.rows = rows;
    this.#folder = folder;
  }

  /** @param options one for each process; `rows` and `writer` are given by the fleet */
  static async start(
    count: number,
    redis: string | NodeOptions['redis'],
    options: (index: number) => Partial<NodeOptions> = () => ({}),
  ): Promise<Fleet> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'shopgpt-rows-'));
    const file = path.join(folder, 'rows');
    writeFileSync(file, '');
    truncateSync(file, ROWS * 32);
    const starting = Array.from({ length: count }, (_, writer) =>
      startNode(redis, { rows: file, writer, ...options(writer) }),
    );
    return new Fleet(await Promise.all(starting), new Rows(file, 7), folder);
  }

  node(index: number): Node {
    const node = this.nodes[index];
    if (!node) throw new RangeError(`no node ${index}`);
    return node;
  }

  /** What the row is called in Redis. */
  nameOf(row: number): string {
    return `${path.basename(this.#folder)}:v1:{row${row}}`;
  }

  /** How many of the answers are older than the database says. */
  countStale(wanted: readonly number[], answers: readonly (number | null)[]): number {
    return wanted.filter((row, i) => (answers[i] ?? Infinity) < this.rows.version(row)).length;
  }

  /** Asks every process for the rows, in its memory, in L2 and by its loader: how many old ones it got. */
  async stale(wanted: readonly number[], nodes: readonly Node[] = this.nodes): Promise<number> {
    let stale = 0;
    for (const node of nodes) {
      stale += this.countStale(wanted, await node.call('peek', wanted));
      stale += this.countStale(wanted, await node.call('get', wanted));
      stale += this.countStale(wanted, await node.call('load', wanted));
    }
    return stale;
  }

  /** Resolves when no delete waits any more and everybody hears what the others do. */
  async calm(timeoutMs = 20_000): Promise<void> {
    await until('no delete waits', timeoutMs, async () => {
      const all = await Promise.all(this.nodes.map((node) => node.call('stats')));
      return all.every(({ l2 }) => l2.waitingDeletes === 0);
    });
    await until('all hear each other', timeoutMs, async () => {
      const heard = await Promise.all(this.nodes.map((node) => this.#isHeard(node)));
      return heard.every(Boolean);
    });
  }

  /** Rejections that nobody handled in any process. */
  async rejections(): Promise<number> {
    const all = await Promise.all(this.nodes.map((node) => node.call('health')));
    return all.reduce((sum, { rejections }) => sum + rejections, 0);
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    this.rows.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #isHeard(speaker: Node): Promise<boolean> {
    this.#probes += 1;
    const probe = [FIRST_PROBE + (this.#probes % (ROWS - FIRST_PROBE))];
    const listeners = this.nodes.filter((node) => node !== speaker);
    const isInMemory = async (node: Node) => (await node.call('peek', probe))[0] !== null;
    for (const node of this.nodes) await node.call('load', probe);
    if (!(await Promise.all(listeners.map(isInMemory))).every(Boolean)) return false;
    const [acknowledged] = await speaker.call('changeAndDelete', probe);
    if (!acknowledged) return false;
    return until('heard', 300, async () => {
      const kept = await Promise.all(listeners.map(isInMemory));
      return !kept.some(Boolean);
    }).then(
      () => true,
      () => false,
    );
  }
}

async function startNode(
  redis: string | NodeOptions['redis'],
  options: Omit<NodeOptions, 'redis'>,
): Promise<Node> {
  if (typeof redis !== 'string') return Node.start({ redis, ...options });
  const data = await startProxy({ target: redis });
  const ears = await startProxy({ target: redis });
  const ways = { data: data.url(), ears: ears.url() };
  return Node.start({ redis: ways, ...options }, [data, ears]);
}

/** Waits for something that comes by itself. */
export async function until(
  what: string,
  timeoutMs: number,
  isTrue: () => Promise<boolean> | boolean,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await isTrue())) {
    if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(20);
  }
}

/** One line of what a test has counted. */
export function say(title: string, counts: Readonly<Record<string, number | string>>): void {
  const numbers = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  process.stdout.write(`${title}: ${numbers.join(', ')}\n`);
}

/** Rows `from` to below `to`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
