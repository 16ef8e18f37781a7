import { asText, callable, oneOf } from './check.ts';
import type { Counts } from './counts.ts';
import type { BreakerState } from './machine.ts';

/** The breaker went from one state to another. */
export interface StateChange {
  readonly from: BreakerState;
  readonly to: BreakerState;
  /** What had been counted in the state that ended. */
  readonly counts: Counts;
}

/** A function that the user gave us threw; the call in whose course it happened is not affected. */
export interface HookError {
  /** The option or event it was given for, e.g. `'readyToTrip'` or `'stateChange'`. */
  readonly hook: string;
  readonly error: unknown;
}

/** What `breaker.on` can be asked for. */
export interface BreakerEvents {
  stateChange: StateChange;
  hookError: HookError;
}

type Listener = (event: never) => void;

/**
 * Calls what the user gave us (listeners, rules) so that a throw of theirs stays theirs: it is told
 * to the listeners of `hookError`, or once as a process warning when nobody listens there.
 */
export class Hooks {
  readonly #name: string;
  /** Made for the first listener: most breakers have none. */
  #listeners: Record<keyof BreakerEvents, Set<Listener>> | undefined;
  #warned = false;
  /** While listeners are told of something: who has not been told yet, of that and of what followed. */
  #untold: (() => void)[] | undefined;
  /** How often a hook threw. */
  errors = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** @returns a function that takes the listener off again */
  on<E extends keyof BreakerEvents>(
    event: E,
    listener: (event: BreakerEvents[E]) => void,
  ): () => void {
    oneOf('event', event, ['stateChange', 'hookError']);
    callable('listener', listener);
    this.#listeners ??= { stateChange: new Set(), hookError: new Set() };
    const listeners = this.#listeners[event];
    // Its own function, so that the same listener put on twice is two.
    const own: Listener = (value) => listener(value);
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  /** What a listener causes is told after what it was told of, so that all hear it in its order. */
  emit<E extends keyof BreakerEvents>(event: E, value: BreakerEvents[E]): void {
    if (!this.#listeners?.[event].size) return;
    const tell = (listener: Listener) => () =>
      this.run(event, undefined, () => listener(value as never));
    const calls = [...this.#listeners[event]].map(tell);
    if (this.#untold) {
      this.#untold.push(...calls);
      return;
    }
    this.#untold = calls;
    for (const call of calls) call();
    this.#untold = undefined;
  }

  /** What `hook` returns, or `otherwise` when it throws. */
  run<T>(name: string, otherwise: T, hook: () => T): T {
    try {
      const result = hook();
      if (result instanceof Promise) result.catch((error) => this.#report(name, error));
      return result;
    } catch (error) {
      this.#report(name, error);
      return otherwise;
    }
  }

  /** What `rule` decides, or `otherwise` when it throws, or has only a promise of an answer. */
  decide<T>(
    name: string,
    otherwise: T,
    rule: () => T,
    check: (answer: T) => T = (answer) => answer,
  ): T {
    return this.run(name, otherwise, () => {
      const answer = rule();
      if (!(answer instanceof Promise)) return check(answer);
      answer.catch(() => undefined);
      throw new TypeError('it must decide at once, not by a promise');
    });
  }

  #report(hook: string, error: unknown): void {
    this.errors += 1;
    // A listener of 'hookError' that throws must not be told about itself for ever.
    if (hook !== 'hookError' && this.#listeners?.hookError.size) {
      this.emit('hookError', { hook, error });
    } else if (!this.#warned) {
      this.#warned = true;
      process.emitWarning(`${hook} of "${this.#name}" threw: ${asText(error)}`, {
        type: 'BreakerWarning',
        code: 'SHOPGPT_BREAKER_HOOK',
      });
    }
  }
}
