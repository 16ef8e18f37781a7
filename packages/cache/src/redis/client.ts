import type { Script } from './scripts.ts';

/** An argument of a command. */
export type Argument = string | Buffer | number;

/** What we need of a client: the `Redis` and `Cluster` of ioredis have it. */
export interface RedisClient {
  /** `ready` when a command can be sent at once, `wait` before the first one. */
  readonly status: string;
  /** True for a Cluster, where one command can only have keys of one slot. */
  readonly isCluster?: boolean;
  readonly options?: {
    readonly keyPrefix?: string | undefined;
    readonly enableAutoPipelining?: boolean | undefined;
  };
  getBuffer(key: string): Promise<Buffer | null>;
  mgetBuffer(keys: string[]): Promise<(Buffer | null)[]>;
  unlink(...keys: string[]): Promise<unknown>;
  publish(channel: string, message: string): Promise<unknown>;
  /** ioredis has these two, though its types do not say so. */
  evalBuffer?(lua: string, keys: number, ...args: Argument[]): Promise<unknown>;
  evalshaBuffer?(sha: string, keys: number, ...args: Argument[]): Promise<unknown>;
  client(...args: string[]): Promise<unknown>;
  info(section: string): Promise<string>;
  multi(commands: Argument[][]): {
    exec(): Promise<[error: Error | null, answer: unknown][] | null>;
  };
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'ready' | 'close', listener: () => void): unknown;
}

/** Runs a script, which Redis need not have seen before. */
export async function run(
  client: RedisClient,
  { lua, sha }: Script,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<unknown> {
  // Not by `call`: ioredis 6 takes another word for the command when it pipelines by itself.
  try {
    return await client.evalshaBuffer?.(sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!isUnknownScript(error)) throw error;
    return client.evalBuffer?.(lua, keys.length, ...keys, ...args);
  }
}

/** Whether Redis has forgotten the script, or never known it. */
export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}

const heard = new WeakSet<RedisClient>();

/** Nobody else may listen for its errors. One listener however many caches share the client. */
export function hearErrors(client: RedisClient): void {
  if (heard.has(client)) return;
  heard.add(client);
  client.on('error', () => undefined);
}

export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
