import type { FullClock } from './clock.ts';
import { isRefusal } from './errors.ts';
import type { Permit } from './guard.ts';
import { Histogram } from './histogram.ts';
import type { Machine, Verdict } from './machine.ts';
import { type ResolvedBreakerOptions, standard } from './options.ts';
import type { Rules } from './rules.ts';
import type { Totals } from './stats.ts';

/** Enters how each admitted call has ended, in the machine and in the totals. */
export class Ledger {
  readonly latency: Histogram | undefined;
  readonly #options: ResolvedBreakerOptions;
  readonly #clock: FullClock;
  readonly #machine: Machine;
  readonly #rules: Rules;
  readonly #totals: Totals;
  /** Whether the user has a say in what an outcome means. */
  readonly #classifies: boolean;
  /** Whether a success is just that: neither classified by the user nor measured. */
  readonly #plain: boolean;
  #shared: Admission | undefined;

  constructor(
    options: ResolvedBreakerOptions,
    clock: FullClock,
    machine: Machine,
    rules: Rules,
    totals: Totals,
  ) {
    this.latency = options.measureLatency ? new Histogram() : undefined;
    this.#options = options;
    this.#clock = clock;
    this.#machine = machine;
    this.#rules = rules;
    this.#totals = totals;
    this.#classifies = options.classify !== standard.classify;
    this.#plain =
      !this.#classifies && options.slowCallMs === standard.slowCallMs && !options.measureLatency;
  }

  /** Where the time of admission does not matter, all calls of a generation share one admission. */
  open(generation: number, nowMs: number): Admission {
    this.#totals.admitted += 1;
    if (!this.#plain || !this.#machine.isTimeless(generation)) {
      return new Admission(this, generation, nowMs);
    }
    if (this.#shared?.generation === generation) return this.#shared;
    this.#shared = new Admission(this, generation, nowMs);
    return this.#shared;
  }

  succeeded(admission: Admission, value: unknown): void {
    if (this.#plain && this.#machine.settleTimelessly(admission.generation)) {
      this.#totals.success += 1;
    } else {
      const asked = this.#classifies;
      this.#enter(admission, asked ? this.#rules.classify({ ok: true, value }) : 'success');
    }
  }

  failed(admission: Admission, error: unknown): void {
    const excluded = isRefusal(error);
    this.#enter(admission, excluded ? 'excluded' : this.#rules.classify({ ok: false, error }));
  }

  #enter({ generation, admittedAtMs }: Admission, verdict: Verdict): void {
    const nowMs = this.#clock.now();
    const tookMs = nowMs - admittedAtMs;
    const slow = verdict !== 'excluded' && tookMs >= this.#options.slowCallMs;
    this.#totals[verdict] += 1;
    if (slow) this.#totals.slow += 1;
    if (verdict !== 'excluded') this.latency?.record(tookMs);
    this.#machine.settle(generation, admittedAtMs, verdict, slow, nowMs);
  }
}

/** Leave for one call, or for all calls of one generation. */
export class Admission implements Permit {
  readonly generation: number;
  readonly admittedAtMs: number;
  readonly #ledger: Ledger;
  #passed: ((value: unknown) => unknown) | undefined;
  #thrown: ((error: unknown) => never) | undefined;

  constructor(ledger: Ledger, generation: number, admittedAtMs: number) {
    this.#ledger = ledger;
    this.generation = generation;
    this.admittedAtMs = admittedAtMs;
  }

  succeeded(value: unknown): void {
    this.#ledger.succeeded(this, value);
  }

  failed(error: unknown): void {
    this.#ledger.failed(this, error);
  }

  /** `succeeded` for a chain of promises: the value goes on as it is. */
  get passed(): (value: unknown) => unknown {
    this.#passed ??= (value) => {
      this.#ledger.succeeded(this, value);
      return value;
    };
    return this.#passed;
  }

  /** `failed` for a chain of promises: the error goes on as it is. */
  get thrown(): (error: unknown) => never {
    this.#thrown ??= (error) => {
      this.#ledger.failed(this, error);
      throw error;
    };
    return this.#thrown;
  }
}
