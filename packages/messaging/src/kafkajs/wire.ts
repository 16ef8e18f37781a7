import type { Clock } from '../clock.ts';
import { DriverError } from '../errors.ts';
import { decodeFetch, type FetchPosition, fetchArgs, fetchVersion } from './fetch.ts';
import type { Address, Broker, Internals } from './internals.ts';
import { decodeProduce, encodeProduce, type ProduceBatch, produceVersion } from './produce.ts';
import type { Requests } from './protocol.ts';
import { within } from './within.ts';

/** How long a broker may take to let us in, with TLS and SASL, and to answer what it need not wait for. */
const limits = { openMs: 3_000, answerMs: 5_000 };

/**
 * One connection to one broker. A broker serves the requests of a connection one by one, so whatever may
 * wait there has a wire of its own. A wire that failed is not used again.
 */
export class Wire {
  readonly #kit: Internals;
  readonly #broker: Broker;
  readonly #clock: Clock;
  #isCut = false;

  private constructor(kit: Internals, broker: Broker, clock: Clock) {
    this.#kit = kit;
    this.#broker = broker;
    this.#clock = clock;
  }

  /** @throws DriverError when it is not open in time */
  static async open(kit: Internals, clock: Clock, address?: Address): Promise<Wire> {
    const broker = await kit.open(address);
    const wire = new Wire(kit, broker, clock);
    const late = () => new Error(`it was not open within ${limits.openMs} ms`);
    try {
      await within(clock, limits.openMs, broker.connect(), late);
      return wire;
    } catch (cause) {
      wire.cut(new Error('given up'));
      const where = address ? `${address.host}:${address.port}` : 'the cluster';
      throw new DriverError(`no connection to ${where}: ${messageOf(cause)}`, {
        isRetriable: !isRefusal(cause),
        cause,
      });
    }
  }

  get isOpen(): boolean {
    return !this.#isCut && this.#broker.connection.isConnected();
  }

  /** @throws DriverError when no answer comes in time; what its codes say is for the caller */
  call<Api extends keyof Requests>(
    api: Api,
    args: Requests[Api]['args'],
    limitMs: number = limits.answerMs,
  ): Promise<Requests[Api]['answer']> {
    const make = () => {
      const { request, response } = this.#lookUp(api)(args);
      return { request, decode: response.decode };
    };
    return this.#send(api, make, limitMs) as Promise<Requests[Api]['answer']>;
  }

  fetch(
    positions: Iterable<FetchPosition>,
    maxWaitMs: number,
  ): Promise<ReturnType<typeof decodeFetch>> {
    const make = () => {
      const { request } = this.#lookUp('Fetch')(fetchArgs(positions, maxWaitMs));
      checkVersion(request, fetchVersion);
      return { request, decode: decodeFetch };
    };
    return this.#send('Fetch', make, maxWaitMs + limits.answerMs);
  }

  /** @param onSent called when the request may have left */
  produce(
    batches: readonly ProduceBatch[],
    ackTimeoutMs: number,
    onSent: () => void,
  ): Promise<ReturnType<typeof decodeProduce>> {
    const make = () => {
      const { request } = this.#lookUp('Produce')({ topicData: [] });
      checkVersion(request, produceVersion);
      const encode = async () => {
        const encoded = this.#kit.encoded(encodeProduce(batches, ackTimeoutMs));
        onSent();
        return encoded;
      };
      const { apiKey, apiName, apiVersion } = request;
      return { request: { apiKey, apiName, apiVersion, encode }, decode: decodeProduce };
    };
    return this.#send('Produce', make, ackTimeoutMs + 1_000);
  }

  /** Whatever waits for an answer fails. */
  cut(error: Error): void {
    this.#isCut = true;
    // Without an error kafkajs would leave the requests unanswered.
    this.#broker.connection.socket?.destroy(error);
  }

  #lookUp(api: string) {
    const definition = this.#kit.requests[api];
    const apiKey = this.#kit.apiKeys[api];
    if (!definition || apiKey === undefined) throw new TypeError(`kafkajs has no ${api}`);
    return this.#broker.lookupRequest(apiKey, definition);
  }

  async #send<T>(api: string, make: () => Sendable<T>, limitMs: number): Promise<T> {
    try {
      if (this.#isCut) throw new Error('the connection is gone');
      const { request, decode } = make();
      const answer = this.#broker.connection.send({
        request,
        response: { decode: async (payload) => decode(payload), parse: (data) => data },
        logResponseError: false,
      });
      const late = () => new Error(`no answer within ${limitMs} ms`);
      return (await within(this.#clock, limitMs, answer, late)) as T;
    } catch (cause) {
      this.cut(new Error('given up'));
      throw new DriverError(`${api}: ${messageOf(cause)}`, {
        isRetriable: !isRefusal(cause),
        cause,
      });
    }
  }
}

interface Sendable<T> {
  readonly request: Parameters<Broker['connection']['send']>[0]['request'];
  decode(payload: Buffer): T | Promise<T>;
}

function checkVersion({ apiName, apiVersion }: Sendable<unknown>['request'], needed: number): void {
  if (apiVersion !== needed) {
    throw new DriverError(`the broker is too old: ${apiName} ${apiVersion} instead of ${needed}`, {
      isRetriable: false,
    });
  }
}

/** A wrong password stays wrong. */
function isRefusal(cause: unknown): boolean {
  if (cause instanceof DriverError) return !cause.isRetriable;
  return cause instanceof Error && cause.name === 'KafkaJSSASLAuthenticationError';
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
