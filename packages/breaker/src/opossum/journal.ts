import type { EventEmitter } from 'node:events';
import type { Hooks } from '../events.ts';
import type { LazyStatus, StatusProperty } from './lazy-status.ts';

/** Where a circuit writes down what happens: in its statistics, and to whoever listens. */
export class Journal {
  readonly #circuit: EventEmitter;
  readonly #status: LazyStatus;
  readonly #hooks: Hooks;

  /** Most circuits have no listeners: then not even their number has to be asked for. */
  #heard = false;

  constructor(circuit: EventEmitter, status: LazyStatus, hooks: Hooks) {
    this.#circuit = circuit;
    this.#status = status;
    this.#hooks = hooks;
    this.listen();
  }

  /** Waits for the first listener; has to be told again when all listeners were removed. */
  listen(): void {
    this.#circuit.once('newListener', () => {
      this.#heard = true;
    });
  }

  count(property: StatusProperty, nowMs: number, latencyMs?: number): void {
    this.#status.count(property, nowMs, latencyMs);
  }

  /** A listener that throws is reported, and nobody else hears of it. */
  tell(event: string, ...args: unknown[]): void {
    if (!this.#heard || this.#circuit.listenerCount(event) === 0) return;
    this.#hooks.run(event, undefined, () => void this.#circuit.emit(event, ...args));
  }
}
