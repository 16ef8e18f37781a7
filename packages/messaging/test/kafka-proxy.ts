import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Keys of Kafka's requests that tests strike at. */
const apis = { Produce: 0, Fetch: 1, Metadata: 3, Heartbeat: 12 } as const;
export type Api = keyof typeof apis;

/** What becomes of an answer: it goes on, changed or not, or all or half of it is lost and its connection with it. */
type Rule = (answer: Buffer) => Buffer | 'lose' | 'halve';

/** A proxy before one broker that knows which request an answer belongs to. */
export class KafkaProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #rules = new Map<number, Rule[]>();
  readonly #counts = new Map<number, number>();
  readonly #always = new Map<number, Rule>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** @param target `host:port` */
  static async start(target: string): Promise<KafkaProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new KafkaProxy(server);
    server.on('connection', (client) => proxy.#accept(client, target));
    return proxy;
  }

  get url(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** How many such requests have come. */
  count(api: Api): number {
    return this.#counts.get(apis[api]) ?? 0;
  }

  /** The broker does what the next request of this kind wants, and its answer never arrives. */
  loseNext(api: Api): void {
    this.changeNext(api, () => 'lose');
  }

  /** The same for every one until `heal`. */
  loseAll(api: Api): void {
    this.changeAll(api, () => 'lose');
  }

  heal(): void {
    this.#always.clear();
    this.#rules.clear();
  }

  /** Every one until `heal`. */
  changeAll(api: Api, rule: Rule): void {
    this.#always.set(apis[api], rule);
  }

  changeNext(api: Api, rule: Rule): void {
    this.#rules.set(apis[api], [...(this.#rules.get(apis[api]) ?? []), rule]);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket, target: string): void {
    const [host = '', port] = target.split(':');
    const server = connect({ host, port: Number(port), noDelay: true });
    const waiting = new Map<number, number>();
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket.setNoDelay(true));
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    onFrames(client, (frame) => {
      const api = frame.readInt16BE(4);
      waiting.set(frame.readInt32BE(8), api);
      this.#counts.set(api, (this.#counts.get(api) ?? 0) + 1);
      server.write(frame);
    });
    onFrames(server, (frame) => {
      const answer = this.#judge(frame, waiting.get(frame.readInt32BE(4)) ?? -1);
      if (answer === 'lose') client.resetAndDestroy();
      else if (answer === 'halve') client.end(frame.subarray(0, frame.length >> 1));
      else client.write(answer);
    });
  }

  #judge(frame: Buffer, api: number): ReturnType<Rule> {
    const rule = this.#always.get(api) ?? this.#rules.get(api)?.shift();
    return rule ? rule(frame) : frame;
  }
}

/** Each request and each answer begins with its length. */
function onFrames(socket: Socket, take: (frame: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (piece: Buffer) => {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0);
      take(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  });
}
