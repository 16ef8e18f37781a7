import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export interface ProxyOptions {
  /** Where connections go: a URL with host and port, or `host:port`. */
  readonly target: string;
}

type Mode = 'open' | 'cut' | 'black-hole';

/** A TCP proxy on loopback between a client and a server, whose faults a test commands. */
export interface FaultProxy {
  readonly port: number;
  /** The address of the proxy with user, path and query of the target; optionally with another scheme. */
  url(scheme?: string): string;
  /** Holds every byte back for so long, in both directions; their order stays. 0 ends it. */
  delay(ms: number): void;
  /** Resets all connections, and new ones as soon as they come, until `heal`. */
  cut(): void;
  /**
   * Accepts connections and passes nothing, on the open ones either. `heal` lets go what was held: up to 1 MiB a
   * direction, then the sender has to wait.
   */
  blackHole(): void;
  /** Ends delay, cut and black hole. */
  heal(): void;
  /** Number of connections that are open now. */
  readonly connections: number;
  stop(): Promise<void>;
}

/** Starts a proxy on a free port of loopback. */
export async function startProxy({ target }: ProxyOptions): Promise<FaultProxy> {
  const url = new URL(target.includes('://') ? target : `tcp://${target}`);
  const proxy = new TcpProxy(url);
  await proxy.listen();
  return proxy;
}

class TcpProxy implements FaultProxy {
  readonly #target: URL;
  readonly #server: Server;
  #port = 0;
  readonly #pairs = new Set<Pair>();
  #mode: Mode = 'open';
  #delayMs = 0;

  constructor(target: URL) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  url(scheme?: string): string {
    const { protocol, username, password, pathname, search } = this.#target;
    const user = username || password ? `${username}:${password}@` : '';
    return `${scheme ?? protocol.slice(0, -1)}://${user}127.0.0.1:${this.port}${pathname}${search}`;
  }

  delay(ms: number): void {
    this.#delayMs = ms;
    for (const pair of this.#pairs) pair.flush();
  }

  cut(): void {
    this.#mode = 'cut';
    for (const pair of this.#pairs) pair.destroy();
  }

  blackHole(): void {
    this.#mode = 'black-hole';
  }

  heal(): void {
    this.#mode = 'open';
    this.delay(0);
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    for (const pair of this.#pairs) pair.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    // To the client this is a refused connection: it never hears a byte.
    if (this.#mode === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const server = connect({
      host: this.#target.hostname,
      port: Number(this.#target.port),
      allowHalfOpen: true,
    });
    const pair = new Pair(client, server, () => this.#rules());
    this.#pairs.add(pair);
    client.once('close', () => this.#pairs.delete(pair));
  }

  #rules(): Rules {
    return { isHeld: this.#mode === 'black-hole', delayMs: this.#delayMs };
  }
}

interface Rules {
  readonly isHeld: boolean;
  readonly delayMs: number;
}

/** The two sockets of one connection. */
class Pair {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #lanes: readonly Lane[];

  constructor(client: Socket, server: Socket, rules: () => Rules) {
    this.#client = client;
    this.#server = server;
    this.#lanes = [new Lane(client, server, rules), new Lane(server, client, rules)];
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      // An error of one side is passed on as the end of both.
      socket.on('error', () => this.destroy());
    }
  }

  flush(): void {
    for (const lane of this.#lanes) lane.move();
  }

  destroy(): void {
    for (const socket of [this.#client, this.#server]) socket.resetAndDestroy();
  }
}

/** What one direction holds before its sender has to wait, as the buffers of a network would. */
const maxHeldBytes = 1024 * 1024;

/** One direction: a queue of pieces, each with the time at which it may go on; the end is the last piece. */
class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #rules: () => Rules;
  readonly #queue: { readonly piece: Buffer | 'end'; readonly atMs: number }[] = [];
  #heldBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(from: Socket, to: Socket, rules: () => Rules) {
    this.#from = from;
    this.#to = to;
    this.#rules = rules;
    from.on('data', (piece) => this.#add(piece as Buffer));
    from.on('end', () => this.#add('end'));
    from.once('close', () => clearTimeout(this.#timer));
    to.on('drain', () => this.move());
  }

  #add(piece: Buffer | 'end'): void {
    this.#queue.push({ piece, atMs: performance.now() + this.#rules().delayMs });
    this.#heldBytes += piece.length;
    if (this.#heldBytes > maxHeldBytes) this.#from.pause();
    this.move();
  }

  /** Passes on what is due, and comes back for the rest. */
  move(): void {
    clearTimeout(this.#timer);
    const { isHeld, delayMs } = this.#rules();
    while (!isHeld && !this.#to.destroyed && !this.#to.writableNeedDrain) {
      const next = this.#queue[0];
      if (!next) break;
      const waitMs = next.atMs - performance.now();
      // Without a delay nothing waits, not even what came in while there was one.
      if (delayMs > 0 && waitMs > 0) {
        this.#timer = setTimeout(() => this.move(), waitMs);
        break;
      }
      this.#queue.shift();
      this.#pass(next.piece);
    }
    if (this.#heldBytes <= maxHeldBytes) this.#from.resume();
  }

  #pass(piece: Buffer | 'end'): void {
    this.#heldBytes -= piece.length;
    if (piece === 'end') this.#to.end();
    else this.#to.write(piece);
  }
}
