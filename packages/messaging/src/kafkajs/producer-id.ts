import type { Identity } from './lane.ts';
import type { Network } from './network.ts';
import { codes } from './protocol.ts';

/** Gets the identity under which a producer writes. All its lanes share one, until one of them has used all its epochs. */
export class ProducerId {
  readonly #network: Network;
  readonly #errorOf: (code: number) => Error;
  #known: Identity | undefined;
  #asking: Promise<Identity> | undefined;

  constructor(network: Network, errorOf: (code: number) => Error) {
    this.#network = network;
    this.#errorOf = errorOf;
  }

  /** @param used the one that is used up */
  async after(used: bigint | undefined): Promise<Identity> {
    if (this.#known && this.#known.producerId !== used) return this.#known;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<Identity> {
    const args = { transactionalId: null, transactionTimeout: 60_000 };
    // Any broker may say.
    const answer = await this.#network.ask('InitProducerId', args);
    if (answer.errorCode !== codes.none) throw this.#errorOf(answer.errorCode);
    this.#known = { producerId: BigInt(answer.producerId), epoch: answer.producerEpoch };
    return this.#known;
  }
}
