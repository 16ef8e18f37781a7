import { setTimeout as wait } from 'node:timers/promises';
import { type Tier, tierOf } from './cache-status.ts';

/** What came of asking for a user. */
interface Answer {
  /** HTTP status; 502 when the service itself did not answer. */
  readonly status: number;
  readonly tier: Tier;
  /** How long the service took, seen from here. */
  readonly tookMs: number;
  readonly ageSeconds: number | undefined;
  readonly cacheStatus: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** The user, or the problem (RFC 9457). */
  readonly body: unknown;
}

export interface Example {
  readonly id: string;
  readonly name: string;
}

/** What the control room asks of user-service, over HTTP as every other client. */
export interface UserService {
  /** Resolves once it has its database. */
  untilReady(signal: AbortSignal): Promise<void>;
  ask(id: string): Promise<Answer>;
  /** Writes a user's name as it is, which is a change all the same, and gives the HTTP status; 502 when nobody answers. */
  change(user: Example): Promise<number>;
  /** The numbers of its components; undefined when it does not answer. */
  stats(): Promise<unknown>;
  /** Some of the users that there are. */
  examples(): Promise<Example[]>;
}

/** A page of `GET /users`. */
interface Page {
  readonly users: readonly Example[];
  /** Where the next page is; null after the last one. */
  readonly next: string | null;
}

const PATIENCE_MS = 5000;
const PAGES = 10;

export function userService(url: string, apiToken: string): UserService {
  const headers = { authorization: `Bearer ${apiToken}` };
  const call = (path: string, init: RequestInit) =>
    fetch(new URL(path, url), { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
  const get = (path: string) => call(path, { headers });
  const read = async <T>(path: string): Promise<T> => {
    const response = await get(path);
    if (!response.ok) throw new Error(`${path} gave ${response.status}`);
    return (await response.json()) as T;
  };
  return {
    async untilReady(signal) {
      while (!(await get('/readyz').then(isOk, () => false))) {
        await wait(50, undefined, { signal });
      }
    },
    async ask(id) {
      const startedMs = performance.now();
      const answer = await get(`/users/${encodeURIComponent(id)}`)
        .then(readAnswer)
        .catch(noAnswer);
      return { ...answer, tookMs: performance.now() - startedMs };
    },
    async change({ id, name }) {
      const answer = call(`/users/${encodeURIComponent(id)}`, {
        method: 'PATCH',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({ name }),
      });
      return answer.then(
        ({ status }) => status,
        () => 502,
      );
    },
    stats: () => read('/stats').catch(() => undefined),
    async examples() {
      const found: Example[] = [];
      let path = '/users?limit=100';
      for (let page = 0; page < PAGES && path !== ''; page++) {
        const { users, next } = await read<Page>(path);
        found.push(...users.map(({ id, name }) => ({ id, name })));
        path = next ?? '';
      }
      return found;
    },
  };
}

const isOk = ({ ok }: Response) => ok;

type Untimed = Omit<Answer, 'tookMs'>;

async function readAnswer(response: Response): Promise<Untimed> {
  const cacheStatus = response.headers.get('cache-status');
  return {
    status: response.status,
    tier: response.status < 500 ? tierOf(cacheStatus) : 'none',
    ageSeconds: numberOf(response.headers.get('age')),
    cacheStatus: cacheStatus ?? undefined,
    retryAfterSeconds: numberOf(response.headers.get('retry-after')),
    body: await response.json(),
  };
}

function noAnswer(): Untimed {
  return {
    status: 502,
    tier: 'none',
    ageSeconds: undefined,
    cacheStatus: undefined,
    retryAfterSeconds: undefined,
    body: { title: 'No answer', detail: 'user-service does not answer at the moment' },
  };
}

function numberOf(header: string | null): number | undefined {
  return header === null ? undefined : Number(header);
}
