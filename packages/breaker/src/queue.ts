/** A place in a `Queue`. */
export interface Place<T> {
  readonly value: T;
  previous: Place<T> | undefined;
  next: Place<T> | undefined;
  /** Whether it is still in the queue. */
  waiting: boolean;
}

/** First come, first served, and whoever gives up leaves from anywhere, both in constant time. */
export class Queue<T> {
  #first: Place<T> | undefined;
  #last: Place<T> | undefined;
  size = 0;

  get first(): Place<T> | undefined {
    return this.#first;
  }

  join(value: T): Place<T> {
    const place: Place<T> = { value, previous: this.#last, next: undefined, waiting: true };
    if (this.#last) this.#last.next = place;
    else this.#first = place;
    this.#last = place;
    this.size += 1;
    return place;
  }

  leave(place: Place<T>): void {
    if (!place.waiting) return;
    place.waiting = false;
    if (place.previous) place.previous.next = place.next;
    else this.#first = place.next;
    if (place.next) place.next.previous = place.previous;
    else this.#last = place.previous;
    this.size -= 1;
  }
}
