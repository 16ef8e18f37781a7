/** One call of the handler: its signal, and whether it took too long. */
export class Attempt {
  #controller: AbortController | undefined;
  #reason: Error | undefined;
  /** Its time limit passed while it ran. */
  isLate = false;

  /** Made when somebody asks for it: most handlers never do. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#reason) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  throwIfAborted(): void {
    if (this.#reason) throw this.#reason;
  }

  /** The first reason stays. */
  abort(reason: Error): void {
    if (this.#reason) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}
