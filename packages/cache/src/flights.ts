import { Flight } from './flight.ts';
import { isOver } from './tags.ts';

/** What is under way, one flight per key at most. */
export class Flights<T> {
  readonly #byKey = new Map<string, Flight<T>>();
  readonly #epoch: () => number;

  /** @param epoch tells the epoch of L1 */
  constructor(epoch: () => number) {
    this.#epoch = epoch;
  }

  /** What is under way for the key, unless it began before a tag of it was invalidated. */
  joinable(key: string): Flight<T> | undefined {
    const flight = this.#byKey.get(key);
    return flight && !isOver(flight.tags) ? flight : undefined;
  }

  /** Begins a flight; one that is under way is not joined any more. */
  begin(key: string, work: (flight: Flight<T>) => Promise<T>): Flight<T> {
    const land = (self: Flight<T>) => {
      if (this.#byKey.get(key) === self) this.#byKey.delete(key);
    };
    const landing = async (self: Flight<T>) => {
      try {
        return await work(self);
      } finally {
        land(self);
      }
    };
    const flight = new Flight(this.#epoch(), landing, land);
    this.#byKey.set(key, flight);
    return flight;
  }

  /** What is under way for the key is older than what was just said about it: nobody joins or keeps it. */
  fence(key: string): void {
    const flight = this.#byKey.get(key);
    if (!flight) return;
    flight.isFenced = true;
    this.#byKey.delete(key);
  }

  /** What L2 holds for the key may have changed since what is under way began. */
  touch(key: string): void {
    const flight = this.#byKey.get(key);
    if (flight) flight.isTouched = true;
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  all(): Flight<T>[] {
    return [...this.#byKey.values()];
  }
}
