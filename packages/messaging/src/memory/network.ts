import type { Clock } from '../clock.ts';
import { DriverError } from '../errors.ts';
import { type FaultEffect, Faults, type MemoryRequest } from './fault.ts';

/** The connection broke while an answer was awaited: nobody knows what the broker did. */
export class LostAnswerError extends DriverError {
  constructor(why: string, request: MemoryRequest) {
    super(`the broker did not answer "${request.api}": ${why}`, { isRetriable: true });
  }
}

/** How long a client waits for an answer. */
export interface Patience {
  readonly timeoutMs: number;
  /** The client hangs up: the request fails as one that was cut. */
  readonly signal?: AbortSignal;
}

/** What lies between clients and the broker: time passes on the way, and requests and answers can be lost. */
export class Network {
  readonly faults: Faults = new Faults();
  readonly #clock: Clock;
  readonly #latencyMs: number;
  readonly #cuts = new Set<(why: string) => void>();
  #isDown = false;

  constructor(clock: Clock, latencyMs: number) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  down(): void {
    this.#isDown = true;
    for (const cut of [...this.#cuts]) cut('the broker went away');
  }

  up(): void {
    this.#isDown = false;
  }

  /**
   * Has the broker serve a request.
   *
   * @throws LostAnswerError when it may have been served although no answer came; DriverError when it was not; what `serve` throws
   */
  request<T>(
    request: MemoryRequest,
    serve: () => T | Promise<T>,
    patience: Patience,
  ): Promise<Awaited<T>> {
    const { promise, resolve, reject } = Promise.withResolvers<Awaited<T>>();
    const cut = (why: string) => reject(new LostAnswerError(why, request));
    const hangUp = () => cut('the client hung up');
    const cancel = this.#clock.after(patience.timeoutMs, () =>
      cut(`nothing came for ${patience.timeoutMs} ms`),
    );
    patience.signal?.addEventListener('abort', hangUp, { once: true });
    if (patience.signal?.aborted) hangUp();
    else this.#travel(request, serve, cut).then(resolve, reject);
    return promise.finally(() => {
      cancel();
      patience.signal?.removeEventListener('abort', hangUp);
    });
  }

  async #travel<T>(
    request: MemoryRequest,
    serve: () => T | Promise<T>,
    cut: (why: string) => void,
  ): Promise<Awaited<T>> {
    const effects = this.faults.meeting(request);
    await this.#hop(delayOf(effects));
    if (this.#isDown) throw new DriverError('the broker is away', { isRetriable: true });
    this.#cuts.add(cut);
    try {
      loseOrRefuse(effects, request);
      const answer = await serve();
      await this.#hop(0);
      if (has(effects, 'drop-response')) throw new LostAnswerError('the answer was lost', request);
      return answer;
    } finally {
      this.#cuts.delete(cut);
    }
  }

  #hop(delayMs: number): Promise<void> {
    const ms = this.#latencyMs + delayMs;
    return new Promise((resolve) => {
      if (ms > 0) this.#clock.after(ms, resolve);
      else setImmediate(resolve);
    });
  }
}

function loseOrRefuse(effects: readonly FaultEffect[], request: MemoryRequest): void {
  if (has(effects, 'drop-request')) throw new LostAnswerError('the request was lost', request);
  for (const effect of effects) if (effect.kind === 'refuse') throw effect.error;
}

function has(effects: readonly FaultEffect[], kind: FaultEffect['kind']): boolean {
  return effects.some((effect) => effect.kind === kind);
}

function delayOf(effects: readonly FaultEffect[]): number {
  return effects.reduce((ms, effect) => (effect.kind === 'delay' ? ms + effect.ms : ms), 0);
}
