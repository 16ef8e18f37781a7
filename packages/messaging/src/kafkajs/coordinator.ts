import type { Clock } from '../clock.ts';
import { DriverError } from '../errors.ts';
import type { Address } from './internals.ts';
import type { Network } from './network.ts';
import { codes, type Requests } from './protocol.ts';
import { messageOf, type Wire } from './wire.ts';
import { sleep } from './within.ts';

const elsewhere: readonly number[] = [codes.coordinatorNotAvailable, codes.notCoordinator];
const retryMs = 100;
const maxRetryMs = 1_000;
const watchMs = 1_500;

/** How long one call is tried, and what is heard of its failures meanwhile. */
export interface CallOptions {
  readonly forMs: number;
  /** Of one attempt. Default: what the wire says. */
  readonly limitMs?: number;
  readonly signal?: AbortSignal;
  readonly trouble?: (error: Error) => void;
}

/** The broker that looks after a group: found, lost and found again. */
export class Coordinator {
  readonly #network: Network;
  readonly #clock: Clock;
  readonly #group: string;
  readonly #errorOf: (code: number) => Error;
  #address: Address | undefined;
  #wire: Wire | undefined;

  constructor(network: Network, clock: Clock, group: string, errorOf: (code: number) => Error) {
    this.#network = network;
    this.#clock = clock;
    this.#group = group;
    this.#errorOf = errorOf;
  }

  /**
   * Asks until there is an answer that is not about who the coordinator is.
   *
   * @throws DriverError when there is none in time, or the signal is aborted
   */
  async call<Api extends keyof Requests>(
    api: Api,
    args: Requests[Api]['args'],
    { forMs, limitMs, signal, trouble }: CallOptions,
  ): Promise<Requests[Api]['answer']> {
    const endMs = this.#clock.now() + forMs;
    for (let waitMs = retryMs; ; waitMs = Math.min(2 * waitMs, maxRetryMs)) {
      try {
        return await this.#attempt(api, args, limitMs);
      } catch (error) {
        const isFinal = !(error instanceof DriverError) || !error.isRetriable || signal?.aborted;
        if (isFinal || this.#clock.now() + waitMs >= endMs) throw error;
        trouble?.(error);
      }
      await sleep(this.#clock, waitMs, signal);
    }
  }

  async #attempt<Api extends keyof Requests>(
    api: Api,
    args: Requests[Api]['args'],
    limitMs: number | undefined,
  ): Promise<Requests[Api]['answer']> {
    try {
      const wire = await this.#find();
      const answer = await this.#watched(wire, wire.call(api, args, limitMs));
      const code = coordinatorCodeIn(answer);
      if (code === undefined) return answer;
      if (elsewhere.includes(code)) this.#address = undefined;
      throw retriable(this.#errorOf(code));
    } finally {
      if (this.#wire?.isOpen !== true) this.#address = undefined;
    }
  }

  /** Whatever waits for its answer fails. */
  cut(): void {
    this.#wire?.cut(new Error('given up'));
  }

  /** An answer may take as long as a rebalance: meanwhile it is looked whether this is still the coordinator. */
  async #watched<T>(wire: Wire, answer: Promise<T>): Promise<T> {
    const over = new AbortController();
    const look = async () => {
      for (;;) {
        await sleep(this.#clock, watchMs, over.signal);
        if (over.signal.aborted) return;
        const now = await this.#ask().catch(() => this.#address);
        const isOther = now?.port !== this.#address?.port || now?.host !== this.#address?.host;
        if (isOther) wire.cut(new Error('another broker is the coordinator'));
      }
    };
    void look();
    return answer.finally(() => over.abort());
  }

  async #find(): Promise<Wire> {
    this.#address ??= await this.#ask();
    this.#wire = await this.#network.wireTo(this.#address, 'group');
    return this.#wire;
  }

  async #ask(): Promise<Address> {
    const answer = await this.#network.ask('GroupCoordinator', { groupId: this.#group });
    if (answer.errorCode !== codes.none) throw retriable(this.#errorOf(answer.errorCode));
    return answer.coordinator;
  }
}

function retriable(cause: Error): DriverError {
  return new DriverError(`the coordinator of the group: ${messageOf(cause)}`, {
    isRetriable: true,
    cause,
  });
}

/** What an answer says about the coordinator, at its top or at one of its partitions. */
function coordinatorCodeIn(answer: object): number | undefined {
  const about: readonly number[] = [codes.coordinatorLoading, ...elsewhere];
  return codesIn(answer).find((code) => about.includes(code));
}

/** All codes of an answer. */
export function codesIn(answer: object): number[] {
  const { errorCode = 0, responses = [] } = answer as {
    errorCode?: number;
    responses?: readonly { partitions: readonly { errorCode: number }[] }[];
  };
  const inner = responses.flatMap(({ partitions }) => partitions.map((one) => one.errorCode));
  return [errorCode, ...inner].filter((code) => code !== codes.none);
}
