import { DriverError } from '../errors.ts';
import type { Broker } from './broker.ts';
import type { MemoryRequest } from './fault.ts';

/** How long a client waits for an answer that the broker does not hold back, in ms. */
const REQUEST_TIMEOUT_MS = 5_000;

/** What one driver has of its broker. */
export class Connection {
  readonly broker: Broker;
  #state: 'open' | 'closed' | 'dead' = 'open';

  constructor(broker: Broker) {
    this.broker = broker;
  }

  /** Nobody hears anything any more, as in a process that was killed. */
  kill(): void {
    this.#state = 'dead';
  }

  close(): void {
    if (this.#state === 'open') this.#state = 'closed';
  }

  /**
   * @param holdMs how long the broker may hold the answer back
   * @throws DriverError and what `serve` throws; see `Network.request`
   */
  async request<T>(
    request: MemoryRequest,
    serve: () => T | Promise<T>,
    { holdMs = 0, signal }: { holdMs?: number; signal?: AbortSignal } = {},
  ): Promise<Awaited<T>> {
    if (this.#state === 'dead') return never();
    if (this.#state === 'closed') {
      throw new DriverError('the driver was closed', { isRetriable: false });
    }
    const patience = { timeoutMs: holdMs + REQUEST_TIMEOUT_MS, ...(signal && { signal }) };
    const result = this.broker.network.request(request, serve, patience);
    const [settled] = await Promise.allSettled([result]);
    if (this.#isDead()) return never();
    if (settled.status === 'rejected') throw settled.reason;
    return settled.value;
  }

  /** Asked again after a wait, which the compiler does not know of. */
  #isDead(): boolean {
    return this.#state === 'dead';
  }
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}
