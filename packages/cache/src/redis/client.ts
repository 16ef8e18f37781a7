import type { Script } from './scripts.ts';

/** An argument of a command. */
export type Argument = string | Buffer | number;

/** What we need of a client: the `Redis` and `Cluster` of ioredis have it. */
export interface RedisClient {
  /** `ready` when a command can be sent at once, `wait` before the first one. */
  readonly status: string;
  /** True for a Cluster, where one command can only have keys of one slot. */
  readonly isCluster?: boolean;
  readonly options?: { readonly keyPrefix?: string | undefined };
  getBuffer(key: string): Promise<Buffer | null>;
  mgetBuffer(keys: string[]): Promise<(Buffer | null)[]>;
  unlink(...keys: string[]): Promise<unknown>;
  publish(channel: string, message: string): Promise<unknown>;
  callBuffer(command: string, args: Argument[]): Promise<unknown>;
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
  const rest = [keys.length, ...keys, ...args];
  try {
    return await client.callBuffer('EVALSHA', [sha, ...rest]);
  } catch (error) {
    if (!isUnknownScript(error)) throw error;
    return client.callBuffer('EVAL', [lua, ...rest]);
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
