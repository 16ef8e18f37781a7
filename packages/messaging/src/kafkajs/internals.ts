import { createRequire } from 'node:module';
import type { Kafka } from 'kafkajs';
import { DriverError } from '../errors.ts';

/**
 * What we use of kafkajs 2.2.4 below its public door: sockets with TLS and SASL, and the encoders and decoders
 * of requests. Its cluster, producer, consumer and admin are not used. Every name is checked once.
 */
export interface Internals {
  /** A connection to this address, or to the next of the addresses that the user gave. */
  open(address?: Address): Promise<Broker>;
  readonly requests: Readonly<Record<string, object>>;
  readonly apiKeys: Readonly<Record<string, number>>;
  /** A request that is encoded already, as kafkajs wants it. */
  encoded(bytes: Buffer): object;
  errorOf(code: number): Error;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A broker of kafkajs, with the one connection of its pool that we use. */
export interface Broker {
  connect(): Promise<unknown>;
  lookupRequest(apiKey: number, definition: object): (args: object) => Call;
  readonly connection: Connection;
}

interface Call {
  readonly request: ApiRequest;
  readonly response: { decode(payload: Buffer): Promise<unknown> };
}

interface ApiRequest {
  readonly apiKey: number;
  readonly apiName: string;
  readonly apiVersion: number;
  encode(): Promise<object>;
}

interface Connection {
  isConnected(): boolean;
  send(call: {
    request: ApiRequest;
    response: { decode(payload: Buffer): Promise<unknown>; parse(data: unknown): unknown };
    logResponseError: false;
  }): Promise<unknown>;
  processData(bytes: Buffer): void;
  socket?: { destroy(error: Error): void };
  logger: SilentLogger;
  readonly requestQueue: RequestQueue;
}

interface RequestQueue {
  logger: SilentLogger;
  enforceRequestTimeout: boolean;
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  readonly pending: readonly unknown[];
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
}

interface Pool {
  readonly pool: readonly Connection[];
  logger: SilentLogger;
}

interface BrokerPool {
  readonly connectionPoolBuilder: { build(address?: Address): Promise<Pool> };
  createBroker(options: object): Omit<Broker, 'connection'>;
}

const version = '2.2.4';
const source = createRequire(import.meta.url);

/**
 * @throws TypeError when what was given is no client of kafkajs
 * @throws DriverError when another version of kafkajs is installed, or a name is missing in it
 */
export function internalsOf(kafka: Kafka): Internals {
  const symbol = Object.getOwnPropertySymbols(kafka ?? {}).find(
    ({ description }) => description === 'private:Kafka:createCluster',
  );
  if (!symbol) throw new TypeError(`kafka must be a Kafka of kafkajs ${version}`);
  checkVersion();
  const { requests } = load('kafkajs/src/protocol/requests', ['requests']);
  const apiKeys = load('kafkajs/src/protocol/requests/apiKeys', ['Produce', 'Fetch']);
  const { createErrorFromCode } = load('kafkajs/src/protocol/error', ['createErrorFromCode']);
  const Encoder = source('kafkajs/src/protocol/encoder');
  need('protocol/encoder', Encoder.prototype, ['writeBufferInternal']);
  const createCluster = Reflect.get(kafka, symbol);
  const { brokerPool } = createCluster({ allowAutoTopicCreation: false });
  need('Cluster', { brokerPool }, ['brokerPool']);
  need('BrokerPool', brokerPool, ['connectionPoolBuilder', 'createBroker']);
  need('ConnectionPoolBuilder', brokerPool.connectionPoolBuilder, ['build']);
  return {
    open: (address) => open(brokerPool, address),
    requests: requests as Internals['requests'],
    apiKeys: apiKeys as Internals['apiKeys'],
    encoded: (bytes) => {
      const encoder = new Encoder(bytes.length);
      encoder.writeBufferInternal(bytes);
      return encoder;
    },
    errorOf: createErrorFromCode as Internals['errorOf'],
  };
}

async function open(brokerPool: BrokerPool, address: Address | undefined): Promise<Broker> {
  const connectionPool = await brokerPool.connectionPoolBuilder.build(address);
  const [connection] = connectionPool.pool;
  need('ConnectionPool', { connection }, ['connection']);
  if (!connection) throw missing('ConnectionPool', 'connection');
  need('Connection', connection, [
    ...['isConnected', 'send', 'processData', 'logger', 'requestQueue'],
  ]);
  quieten(connectionPool, connection);
  guard(connection);
  const broker = brokerPool.createBroker({ connectionPool, logger: silent });
  need('Broker', broker, ['connect', 'lookupRequest']);
  return {
    connect: () => broker.connect(),
    // It is another function once the broker is connected.
    lookupRequest: (apiKey, definition) => broker.lookupRequest(apiKey, definition),
    connection,
  };
}

/** Takes the timers and the log lines away: time limits are ours, and errors go to who asked. */
function quieten(pool: Pool, connection: Connection): void {
  const queue = connection.requestQueue;
  need('RequestQueue', queue, [
    ...['enforceRequestTimeout', 'throttledUntil', 'throttleCheckTimeoutId', 'pending'],
    ...['checkPendingRequests', 'scheduleCheckPendingRequests'],
  ]);
  pool.logger = silent;
  connection.logger = silent;
  queue.logger = silent;
  queue.enforceRequestTimeout = false;
  // As it comes, it starts a timer of a negative time after every answer, which fires and starts the next.
  queue.scheduleCheckPendingRequests = () => {
    if (queue.throttleCheckTimeoutId || queue.pending.length === 0) return;
    const waitMs = Math.max(1, queue.throttledUntil - Date.now());
    queue.throttleCheckTimeoutId = setTimeout(() => {
      queue.throttleCheckTimeoutId = null;
      queue.checkPendingRequests();
    }, waitMs);
  };
}

/** It throws at bytes that are no frame, which would end the process: whoever sends them is no broker. */
function guard(connection: Connection): void {
  const processData = connection.processData.bind(connection);
  connection.processData = (bytes) => {
    try {
      processData(bytes);
    } catch (cause) {
      const text = 'what answers is no broker of Kafka, or one that makes no sense';
      connection.socket?.destroy(new Error(text, { cause }));
    }
  };
}

interface SilentLogger {
  namespace(): SilentLogger;
  debug(): void;
  info(): void;
  warn(): void;
  error(): void;
}

const nothing = () => undefined;
const silent: SilentLogger = {
  namespace: () => silent,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};

function checkVersion(): void {
  const installed: unknown = source('kafkajs/package.json').version;
  if (installed !== version) {
    throw unusable(`it is ${installed}`);
  }
}

function load(path: string, names: readonly string[]): Readonly<Record<string, unknown>> {
  const found: Record<string, unknown> = source(path);
  need(path, found, names);
  return found;
}

function need(what: string, found: object, names: readonly string[]): void {
  for (const name of names) if (Reflect.get(found, name) === undefined) throw missing(what, name);
}

function missing(what: string, name: string): DriverError {
  return unusable(`its ${what} has no ${name}`);
}

function unusable(why: string): DriverError {
  return new DriverError(`kafkajs must be exactly ${version}, unpatched: ${why}`, {
    isRetriable: false,
  });
}
