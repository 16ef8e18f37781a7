import { QueueFullError } from '../errors.ts';
import type { Delivery } from './delivery.ts';
import { Line } from './line.ts';
import type { SendQueueOptions } from './producer-options.ts';

/** How much may be queued and in flight, and the line of those who find no room. */
export class Room {
  records = 0;
  bytes = 0;
  /** As long as anybody waits, nobody goes past. */
  readonly waiting: Line<Delivery> = new Line();
  readonly #limits: Required<SendQueueOptions>;
  readonly #admit: (delivery: Delivery) => void;
  #isAdmitting = false;

  /** @param admit is given each delivery once there is room for it */
  constructor(limits: Required<SendQueueOptions>, admit: (delivery: Delivery) => void) {
    this.#limits = limits;
    this.#admit = admit;
  }

  /** @throws QueueFullError when it would have to wait and may not */
  check(delivery: Delivery): void {
    if (this.#limits.whenFull === 'wait' || !this.#mustWait(delivery)) return;
    throw new QueueFullError(delivery.topic, this.records, this.bytes);
  }

  enter(delivery: Delivery): void {
    if (this.#mustWait(delivery)) this.waiting.push(delivery);
    else this.#letIn(delivery);
  }

  /** It is at its end, and others may come in. */
  leave(delivery: Delivery): void {
    if (!delivery.hasRoom) return;
    delivery.hasRoom = false;
    this.records -= 1;
    this.bytes -= delivery.bytes;
    this.#letWaitingIn();
  }

  #mustWait(delivery: Delivery): boolean {
    return this.waiting.size > 0 || !this.#fits(delivery);
  }

  #fits({ bytes }: Delivery): boolean {
    // What is larger than all the room goes alone.
    const { max, maxBytes } = this.#limits;
    return this.records === 0 || (this.records < max && this.bytes + bytes <= maxBytes);
  }

  #letIn(delivery: Delivery): void {
    delivery.hasRoom = true;
    this.records += 1;
    this.bytes += delivery.bytes;
    this.#admit(delivery);
  }

  #letWaitingIn(): void {
    // Who is let in may leave at once: a loop, lest a long line become a deep stack.
    if (this.#isAdmitting) return;
    this.#isAdmitting = true;
    for (let next = this.waiting.first; next && this.#fits(next); next = this.waiting.first) {
      this.waiting.remove(next);
      this.#letIn(next);
    }
    this.#isAdmitting = false;
  }
}
