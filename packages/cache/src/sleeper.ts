/** Who waits for news of a name: it counts from the moment he is made, before he sleeps. */
export class Sleeper {
  readonly #news = Promise.withResolvers<void>();
  readonly #all: Map<string, Set<Sleeper>>;
  readonly #name: string;

  /** @param all all who wait, by name: this one among them until he leaves */
  constructor(all: Map<string, Set<Sleeper>>, name: string) {
    this.#all = all;
    this.#name = name;
    all.set(name, (all.get(name) ?? new Set()).add(this));
  }

  wake(): void {
    this.#news.resolve();
  }

  /** Until the time is over or he is woken. Rejects when `signal` aborts. */
  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve } = this.#news;
    const wake = () => resolve();
    const timer = setTimeout(wake, ms);
    signal.addEventListener('abort', wake, { once: true });
    await promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', wake);
    signal.throwIfAborted();
  }

  leave(): void {
    const others = this.#all.get(this.#name);
    others?.delete(this);
    if (others?.size === 0) this.#all.delete(this.#name);
  }
}
