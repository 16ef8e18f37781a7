import { checkCount, checkKnown, checkOneOf, checkOptionalFunction, show } from '../check.ts';

/** What a client asks of the broker. */
export interface MemoryRequest {
  readonly api: MemoryApi;
  /** The topics it is about, where it is about any. */
  readonly topics: readonly string[];
  /** Of `produce` only. */
  readonly partition?: number;
  /** Of what concerns a group. */
  readonly group?: string;
}

/** The kinds of requests. `admin` is all that `driver.admin` asks; `metadata` is how many partitions a topic has. */
export type MemoryApi = (typeof apis)[number];

const apis = [
  'produce',
  'fetch',
  'metadata',
  'join',
  'positions',
  'heartbeat',
  'commit',
  'leave',
  'admin',
] as const;

/** Which requests a fault meets: those for which all that is given here holds. Default: every request. */
export interface FaultFilter {
  readonly api?: MemoryApi;
  readonly topic?: string;
  readonly partition?: number;
  readonly group?: string;
  readonly when?: (request: MemoryRequest) => boolean;
  /** How many requests it meets before it is over. Default: as many as come until it is ended. */
  readonly times?: number;
}

/** Ends a fault; calling it again does nothing. */
export type EndFault = () => void;

/** What happens to the requests that a fault meets. */
export type FaultEffect =
  | { readonly kind: 'drop-request' }
  | { readonly kind: 'drop-response' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'refuse'; readonly error: Error };

interface Fault {
  readonly effect: FaultEffect;
  readonly filter: FaultFilter;
  left: number;
}

/** The faults that are on. */
export class Faults {
  readonly #faults = new Set<Fault>();

  add(effect: FaultEffect, filter: FaultFilter): EndFault {
    checkFilter(filter);
    const fault = { effect, filter, left: filter.times ?? Number.POSITIVE_INFINITY };
    this.#faults.add(fault);
    return () => void this.#faults.delete(fault);
  }

  /** What happens to this request, each fault counted once. */
  meeting(request: MemoryRequest): readonly FaultEffect[] {
    const effects: FaultEffect[] = [];
    for (const fault of this.#faults) {
      if (!isMet(fault.filter, request)) continue;
      fault.left -= 1;
      if (fault.left <= 0) this.#faults.delete(fault);
      effects.push(fault.effect);
    }
    return effects;
  }
}

/** A fault that meets nothing for a slip of the pen would make every test green. */
function checkFilter(filter: FaultFilter): void {
  checkKnown('a fault', filter, ['api', 'topic', 'partition', 'group', 'when', 'times']);
  const { api, partition, when, times } = filter;
  if (api !== undefined) checkOneOf('api', api, apis);
  if (partition !== undefined && !Number.isSafeInteger(partition)) {
    throw new RangeError(`partition must be a whole number, got ${show(partition)}`);
  }
  checkOptionalFunction('when', when);
  if (times !== undefined) checkCount('times', times);
}

function isMet(filter: FaultFilter, request: MemoryRequest): boolean {
  return (
    (filter.api === undefined || filter.api === request.api) &&
    (filter.topic === undefined || request.topics.includes(filter.topic)) &&
    (filter.partition === undefined || filter.partition === request.partition) &&
    (filter.group === undefined || filter.group === request.group) &&
    (filter.when?.(request) ?? true)
  );
}
