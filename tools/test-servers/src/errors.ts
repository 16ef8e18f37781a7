/** Thrown when a real server cannot be had on this machine; the message says what was tried and what to do. */
export class ServerUnavailableError extends Error {
  override readonly name = 'ServerUnavailableError';
  readonly code = 'ERR_TEST_SERVERS_UNAVAILABLE';
  /** The server's name, e.g. `Redis`. */
  readonly server: string;
  /** Each place where it was looked for, with why that gave nothing. */
  readonly tried: readonly string[];

  constructor(server: string, tried: readonly string[], advice: string, options?: ErrorOptions) {
    super(`${server} is not available. Tried: ${tried.join('; ')}. ${advice}`, options);
    this.server = server;
    this.tried = tried;
  }
}

/** Thrown when a test asks for a fault of a server that it did not start. */
export class NotOursError extends Error {
  override readonly name = 'NotOursError';
  readonly code = 'ERR_TEST_SERVERS_NOT_OURS';

  constructor(server: string, found: string, operation: string) {
    super(
      `${operation}: ${server} comes from ${found} and is not ours; start it with { own: true }`,
    );
  }
}
