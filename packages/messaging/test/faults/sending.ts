import type { Messaging, Sent, Topic } from '@shopgpt/messaging';
import type { Work } from './work.ts';

/** What became of a message that was sent. */
export interface Outcome {
  readonly message: Work;
  /** Undefined when it was rejected. */
  readonly sent: Sent | undefined;
  readonly error: unknown;
  /** In ms of `performance.now()`. */
  readonly beganMs: number;
  readonly tookMs: number;
}

export interface SendingOptions {
  /** A second. Default 300. */
  readonly rate?: number;
  /** Default 50. */
  readonly keys?: number;
  /** For the names of the keys: each sending has its own. Default "k". */
  readonly prefix?: string;
}

const tickMs = 20;

/** Sends messages of many keys in turn, at a steady rate, until it is stopped. */
export class Sending {
  readonly #messaging: Messaging;
  readonly #topic: Topic<Work>;
  readonly #outcomes: Promise<Outcome>[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(messaging: Messaging, topic: Topic<Work>, options: SendingOptions = {}) {
    const { rate = 300, keys = 50, prefix = 'k' } = options;
    this.#messaging = messaging;
    this.#topic = topic;
    const perTick = Math.ceil((rate * tickMs) / 1_000);
    let turn = 0;
    this.#timer = setInterval(() => {
      for (let i = 0; i < perTick; i += 1) {
        this.send({ key: `${prefix}${turn % keys}`, n: Math.floor(turn / keys) });
        turn += 1;
      }
    }, tickMs);
  }

  send(message: Work): void {
    const beganMs = performance.now();
    const answered = (sent: Sent | undefined, error: unknown): Outcome => {
      return { message, sent, error, beganMs, tookMs: performance.now() - beganMs };
    };
    this.#outcomes.push(
      this.#messaging.send(this.#topic, message).then(
        (sent) => answered(sent, undefined),
        (error) => answered(undefined, error),
      ),
    );
  }

  get count(): number {
    return this.#outcomes.length;
  }

  /** Resolves with what became of each. */
  stop(): Promise<Outcome[]> {
    clearInterval(this.#timer);
    return Promise.all(this.#outcomes);
  }
}
