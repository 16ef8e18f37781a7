import { NotOursError } from './errors.ts';

/** A real server, whether we started it or it was there. */
export interface TestServer {
  /** E.g. `Redis`. */
  readonly name: string;
  /** What the server itself says, e.g. `7.0.15`. */
  readonly version: string;
  /** Where it came from, e.g. `TEST_REDIS_URL` or `/usr/bin/redis-server`. */
  readonly found: string;
  /** On loopback, unless it comes from the environment. */
  readonly url: string;
  /** Of the server itself; undefined when it comes from the environment. */
  readonly pid: number | undefined;
  /** SIGKILL; resolves once the process is gone. */
  kill(): Promise<void>;
  /** SIGSTOP to all its processes: connections stay open and nothing answers. */
  pause(): Promise<void>;
  /** Wakes what `pause` stopped. */
  resume(): Promise<void>;
  /** Starts it again on the same port and data; kills it first when it runs. */
  restart(): Promise<void>;
  /** Ends it for good and removes its data; leaves a server of the environment alone. */
  stop(): Promise<void>;
}

/** What every `start` function takes. */
export interface StartOptions {
  /** A server of our own, which may be killed: the environment's URL is ignored. Default: false. */
  readonly own?: boolean;
}

/** What a running server is known by. */
export interface Facts {
  readonly name: string;
  readonly version: string;
  readonly found: string;
  readonly url: string;
}

/** One life of a server, between two starts; `stop` also removes its data. */
export type Life = Pick<TestServer, 'kill' | 'pause' | 'resume' | 'stop'> & {
  readonly pid: number;
};

/** A server that we started: `start` gives each further life on the same port and data. */
export class OwnServer implements TestServer {
  readonly name: string;
  readonly version: string;
  readonly found: string;
  readonly url: string;
  readonly #start: () => Promise<Life>;
  #life: Life;
  #isStopped = false;

  constructor(facts: Facts, life: Life, start: () => Promise<Life>) {
    this.name = facts.name;
    this.version = facts.version;
    this.found = facts.found;
    this.url = facts.url;
    this.#life = life;
    this.#start = start;
  }

  get pid(): number {
    return this.#life.pid;
  }

  kill(): Promise<void> {
    return this.#life.kill();
  }

  pause(): Promise<void> {
    return this.#life.pause();
  }

  resume(): Promise<void> {
    return this.#life.resume();
  }

  async restart(): Promise<void> {
    if (this.#isStopped) throw new Error(`${this.name} was stopped for good: start a new one`);
    await this.#life.kill();
    this.#life = await this.#start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#life.stop();
  }
}

/** A server of the environment: it can be used, not harmed. */
export function foreignServer(facts: Facts): TestServer {
  const refuse = (operation: string) => async () => {
    throw new NotOursError(facts.name, facts.found, operation);
  };
  return {
    ...facts,
    pid: undefined,
    kill: refuse('kill'),
    pause: refuse('pause'),
    resume: refuse('resume'),
    restart: refuse('restart'),
    stop: async () => undefined,
  };
}
