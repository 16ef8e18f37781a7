import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { type Problem, problemBody, problemMediaType, sendProblem } from './problem.ts';

export interface ServerOptions {
  /** How long a request may take to arrive, headers and body. */
  readonly requestTimeoutMs: number;
  /** Further connections are closed at once. */
  readonly maxConnections: number;
}

/** An HTTP server that no client can hold up, and that stops without losing a request. */
export interface HttpServer {
  /** Resolves with the URL once connections are accepted. */
  listen(port: number, host: string): Promise<string>;
  /**
   * Tells clients to go elsewhere, accepts no more of them, waits for the requests under way, and cuts what is left
   * after `timeoutMs`. Resolves when every connection is closed.
   */
  stop(timeoutMs: number): Promise<void>;
}

const maxHeaderBytes = 8 * 1024;
/** Longer than the 60 s after which common load balancers drop an idle connection: they must be first. */
const keepAliveTimeoutMs = 65_000;
/** How long connections are still accepted after `stop`, for clients that have not heard of it. */
const farewellMs = 500;

export function createHttpServer(app: RequestListener, options: ServerOptions): HttpServer {
  const open = new Set<ServerResponse>();
  let isStopping = false;
  const server = createServer({
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: Math.min(5_000, options.requestTimeoutMs),
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    requireHostHeader: false, // Node's own refusal says nothing; ours is below
    connectionsCheckingInterval: 250, // how late the two timeouts above may be noticed
  });
  server.maxConnections = options.maxConnections;
  const serve: RequestListener = (request, response) => {
    open.add(response);
    response.once('close', () => open.delete(response));
    if (isStopping) response.setHeader('connection', 'close');
    const isHostMissing = request.headers.host === undefined && request.httpVersion === '1.1';
    if (isHostMissing) sendProblem(response, noHost);
    else app(request, response);
  };
  server.on('request', serve);
  server.on('checkContinue', serve); // who reads the body asks for it
  server.on('checkExpectation', (_request, response) => sendProblem(response, unknownExpectation));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    refuse(socket, clientProblem(error.code));
  });

  return {
    listen: (port, host) => listen(server, port, host),
    stop: async (timeoutMs) => {
      const endsAtMs = performance.now() + timeoutMs;
      isStopping = true;
      for (const response of open) {
        if (!response.headersSent) response.setHeader('connection', 'close');
      }
      await untilEmpty(server, Math.min(farewellMs, timeoutMs / 2));
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // `close` looks once for idle connections; those of slow readers become idle later.
      const sweep = setInterval(() => server.closeIdleConnections(), 50);
      const cut = setTimeout(() => server.closeAllConnections(), endsAtMs - performance.now());
      await closed;
      clearInterval(sweep);
      clearTimeout(cut);
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address() as AddressInfo;
      const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
      resolve(`http://${name}:${address.port}`);
    });
  });
}

/** Waits until no client is connected, at most `ms`. */
async function untilEmpty(server: Server, ms: number): Promise<void> {
  const endsAtMs = performance.now() + ms;
  while (performance.now() < endsAtMs) {
    const connections = await new Promise<number>((resolve) =>
      server.getConnections((_error, count) => resolve(count)),
    );
    if (connections === 0) return;
    await delay(20);
  }
}

/** Answers what never became a request, on the bare connection, and closes it. */
function refuse(socket: Duplex, problem: Problem): void {
  if (!socket.writable) return void socket.destroy();
  const body = problemBody(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    `content-type: ${problemMediaType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

const noHost: Problem = {
  status: 400,
  kind: 'bad-request',
  title: 'Bad Request',
  detail: 'HTTP/1.1 needs the header Host',
  headers: { connection: 'close' },
};

const unknownExpectation: Problem = {
  status: 417,
  kind: 'expectation-failed',
  title: 'Expectation Failed',
  detail: 'the header Expect may only be "100-continue"',
};

function clientProblem(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return {
      status: 431,
      kind: 'headers-too-large',
      title: 'Request Header Fields Too Large',
      detail: `the request line and the headers must have at most ${maxHeaderBytes} bytes together`,
    };
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return {
      status: 408,
      kind: 'request-timeout',
      title: 'Request Timeout',
      detail: 'the request did not arrive in time',
    };
  }
  return { status: 400, kind: 'bad-request', title: 'Bad Request', detail: 'this is not HTTP/1.1' };
}
