import { announce } from '../announce.ts';
import { systemClock } from '../clock.ts';
import {
  BreakerOpenError,
  BulkheadFullError,
  CallTimeoutError,
  isRefusal,
  withoutStack,
} from '../errors.ts';
import type { Guard, Permit } from '../guard.ts';

/** What is needed of an opossum circuit: one of any version that has these will do. */
export interface OpossumCircuit {
  readonly name: string;
  readonly opened: boolean;
  readonly halfOpen: boolean;
  fire(...args: never[]): Promise<unknown>;
  on(event: string, listener: (...args: never[]) => void): unknown;
}

/** Numbers since the circuit was adapted. All but `state` only grow. */
export interface OpossumGuardStats {
  /** 0 closed, 1 half-open, 2 open. */
  readonly state: number;
  readonly successes: number;
  readonly failures: number;
  readonly refusedOpen: number;
  readonly opened: number;
  readonly halfOpened: number;
  readonly closed: number;
}

/** A circuit in the place of a breaker: for the `breaker` of a policy, and for telemetry. */
export interface OpossumGuard extends Guard {
  readonly kind: 'breaker';
  readonly name: string;
  /** Calls `fn` through the circuit. Throws as a breaker does. */
  execute<T>(fn: () => T): Promise<Awaited<T>>;
  stats(): OpossumGuardStats;
}

/** opossum's circuit as it is, which its types tell only a part of. */
interface RealCircuit extends OpossumCircuit {
  action: (this: unknown, ...args: unknown[]) => unknown;
  readonly options: {
    readonly cache?: boolean;
    readonly coalesce?: boolean;
    readonly timeout: number | false;
    readonly capacity: number;
    readonly resetTimeout: number;
    errorFilter: (this: unknown, error: unknown, ...args: unknown[]) => boolean;
  };
}

/** Rides through a circuit in the place of the arguments of its action. */
class Passenger {
  readonly work: () => unknown;

  constructor(work: () => unknown) {
    this.work = work;
  }
}

const adapted = new WeakMap<OpossumCircuit, OpossumGuard>();

/**
 * Lets a policy use an opossum circuit that is there already, with everything it has learned and
 * goes on learning from its other users. Its refusals become the errors of this package.
 *
 * The circuit's own timeout counts there, but only the policy's ends an attempt of the policy.
 * opossum knows no outcome that says nothing: what was refused further in, or aborted by the
 * caller, counts as a success there. A fallback of the circuit is called as ever, with arguments that
 * mean nothing to it, but what it answers is not what the policy gets: give the policy its own.
 *
 * @throws TypeError for a circuit with `cache` or `coalesce`: it would give one call's result to all
 */
export function fromOpossum(circuit: OpossumCircuit): OpossumGuard {
  const guard = adapted.get(circuit) ?? new CircuitGuard(circuit as RealCircuit);
  adapted.set(circuit, guard);
  return guard;
}

class CircuitGuard implements OpossumGuard {
  readonly kind = 'breaker';
  readonly name: string;
  readonly #circuit: RealCircuit;
  readonly #totals = {
    successes: 0,
    failures: 0,
    refusedOpen: 0,
    opened: 0,
    halfOpened: 0,
    closed: 0,
  };
  #openedAtMs = Number.NaN;

  constructor(circuit: RealCircuit) {
    const { cache, coalesce } = circuit.options;
    if (cache || coalesce) {
      throw new TypeError(`circuit "${circuit.name}" must not cache or coalesce its results`);
    }
    this.name = circuit.name;
    this.#circuit = circuit;
    carryPassengers(circuit);
    this.#count('success', 'successes');
    this.#count('failure', 'failures');
    this.#count('reject', 'refusedOpen');
    this.#count('open', 'opened');
    this.#count('halfOpen', 'halfOpened');
    this.#count('close', 'closed');
    circuit.on('open', () => {
      this.#openedAtMs = systemClock.now();
    });
    announce(this);
  }

  admit(): Promise<Permit> {
    const admission = Promise.withResolvers<Permit>();
    const work = Promise.withResolvers<unknown>();
    const passenger = () => {
      admission.resolve({ succeeded: work.resolve, failed: work.reject });
      return work.promise;
    };
    // Without effect on a call that was let through: that has its permit.
    this.execute(passenger).then(
      () => admission.reject(this.#refusal()),
      (error) => admission.reject(isRefusal(error) ? error : this.#refusal({ cause: error })),
    );
    return admission.promise;
  }

  async execute<T>(fn: () => T): Promise<Awaited<T>> {
    try {
      const result = await this.#circuit.fire(new Passenger(fn) as never);
      return result as Awaited<T>;
    } catch (error) {
      throw this.#translate(error);
    }
  }

  stats(): OpossumGuardStats {
    const { opened, halfOpen } = this.#circuit;
    const notOpen = halfOpen ? 1 : 0;
    return { state: opened ? 2 : notOpen, ...this.#totals };
  }

  #count(event: string, total: keyof Omit<OpossumGuardStats, 'state'>): void {
    this.#circuit.on(event, () => {
      this.#totals[total] += 1;
    });
  }

  /** The errors of opossum itself are refusals and timeouts as ours are; all others are the work's. */
  #translate(error: unknown): unknown {
    if (!isOfCircuit(this.#circuit, error)) return error;
    const { name } = this;
    const { capacity, timeout } = this.#circuit.options;
    const options = { cause: error };
    return withoutStack(() => {
      switch (error.code) {
        case 'EOPENBREAKER':
          return new BreakerOpenError(name, this.#retryAfterMs(), options);
        case 'ESHUTDOWN':
          return new BreakerOpenError(name, Number.POSITIVE_INFINITY, options);
        case 'ESEMLOCKED':
          return new BulkheadFullError(name, capacity, 0, options);
        case 'ETIMEDOUT':
          return new CallTimeoutError(name, Number(timeout), options);
        default:
          return error;
      }
    });
  }

  /** Why a call was not let through, when a fallback of the circuit has answered in its place. */
  #refusal(options?: ErrorOptions): Error {
    const { name } = this;
    const { opened, halfOpen } = this.#circuit;
    const { capacity } = this.#circuit.options;
    return withoutStack(() =>
      opened || halfOpen
        ? new BreakerOpenError(name, this.#retryAfterMs(), options)
        : new BulkheadFullError(name, capacity, 0, options),
    );
  }

  #retryAfterMs(): number {
    const { resetTimeout } = this.#circuit.options;
    const openForMs = systemClock.now() - this.#openedAtMs;
    return Number.isNaN(openForMs) ? resetTimeout : Math.max(0, resetTimeout - openForMs);
  }
}

/** Lets the circuit run what a policy hands it, and its own action for everybody else. */
function carryPassengers(circuit: RealCircuit): void {
  const { action } = circuit;
  const { errorFilter } = circuit.options;
  circuit.action = function (...args) {
    const [first] = args;
    return first instanceof Passenger ? first.work() : action.apply(this, args);
  };
  circuit.options.errorFilter = function (error, ...args) {
    return isRefusal(error) || errorFilter.call(this, error, ...args);
  };
}

function isOfCircuit(circuit: OpossumCircuit, error: unknown): error is Error & { code: string } {
  const { isOurError } = circuit.constructor as { isOurError?: (error: unknown) => boolean };
  return error instanceof Error && 'code' in error && isOurError?.(error) === true;
}
