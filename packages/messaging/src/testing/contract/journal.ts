import assert from 'node:assert/strict';

/** A message of the contract: the n-th of its key. */
export interface Numbered {
  readonly key: string;
  readonly n: number;
  /** Its handler never succeeds. */
  readonly isPoison: boolean;
}

/** What became of the messages of a test. */
export interface Summary {
  readonly sent: number;
  readonly done: number;
  readonly lost: number;
  readonly delivered: number;
  /** Handlers that began before those of earlier messages of the key had ended. */
  readonly outOfOrder: number;
  /** Handlers that began while another one of the key ran. */
  readonly overlapping: number;
}

/** What was sent, handled and given up by all processes of a test, and whether that was as promised. */
export class Journal {
  readonly #sent = new Set<string>();
  readonly #done = new Set<string>();
  readonly #running = new Map<string, number>();
  /** By key: all before it are done. */
  readonly #next = new Map<string, number>();
  delivered = 0;
  outOfOrder = 0;
  overlapping = 0;

  sent({ key, n }: Numbered): void {
    this.#sent.add(`${key}/${n}`);
  }

  /** @returns says that the call has ended, and how; only a call of a process that lives does */
  begin({ key, n }: Numbered): (isDone: boolean) => void {
    this.delivered += 1;
    if (n > (this.#next.get(key) ?? 0)) this.outOfOrder += 1;
    const running = (this.#running.get(key) ?? 0) + 1;
    this.#running.set(key, running);
    if (running > 1) this.overlapping += 1;
    return (isDone) => {
      this.#running.set(key, (this.#running.get(key) ?? 0) - 1);
      if (isDone) this.done({ key, n });
    };
  }

  /** It was handled or given up. */
  done({ key, n }: Omit<Numbered, 'isPoison'>): void {
    this.#done.add(`${key}/${n}`);
    let next = this.#next.get(key) ?? 0;
    while (this.#done.has(`${key}/${next}`)) next += 1;
    this.#next.set(key, next);
  }

  get isComplete(): boolean {
    return this.#done.size >= this.#sent.size;
  }

  summary(): Summary {
    const { delivered, outOfOrder, overlapping } = this;
    const [sent, done] = [this.#sent.size, this.#done.size];
    return { sent, done, lost: sent - done, delivered, outOfOrder, overlapping };
  }

  /** @param most how many deliveries there may be beyond one for each message; default: any number */
  check(most: number = Number.POSITIVE_INFINITY): void {
    const summary = this.summary();
    const { lost, outOfOrder, overlapping } = summary;
    const repeated = summary.delivered - summary.sent;
    assert.deepEqual({ lost, outOfOrder, overlapping }, { lost: 0, outOfOrder: 0, overlapping: 0 });
    assert.ok(repeated <= most, `delivered again: ${repeated}, at most ${most} are allowed`);
  }
}
