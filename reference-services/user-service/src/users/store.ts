import { type Breaker, createBreaker, type Outcome } from '@shopgpt/breaker';
import type { Cache, CacheEntry } from '@shopgpt/cache';
import { outbox } from '@shopgpt/messaging/postgres';
import pg from 'pg';
import type { Database, Statement, Transaction } from '../database/database.ts';
import {
  DatabaseBusyError,
  DatabaseUnavailableError,
  OutcomeUnknownError,
} from '../database/errors.ts';
import type { CacheReport } from '../http/cache-status.ts';
import { EmailTakenError, UserNotFoundError, VersionMismatchError } from './errors.ts';
import { type UserEvent, userCreated, userDeleted, userEvents, userUpdated } from './events.ts';
import { uuidV7 } from './id.ts';
import type { NewUser, User, UserChanges } from './model.ts';

interface Found {
  /** `undefined`: nobody has this id. */
  readonly user: User | undefined;
  readonly report: CacheReport;
}

interface PageQuery {
  readonly limit: number;
  readonly afterId: string | undefined;
}

interface Page {
  readonly users: readonly User[];
  readonly hasMore: boolean;
}

/**
 * The users: the one place that knows the table, the cache before it and the breaker around it. Every change is written
 * together with its event: both are there, or neither.
 */
export interface UserStore {
  /** From the cache, else the database; a cached user is found while the database is away, too. */
  find(id: string): Promise<Found>;
  /** In the order of creation, beginning after an id. Never from the cache. */
  page(query: PageQuery): Promise<Page>;
  /** @throws EmailTakenError */
  create(user: NewUser): Promise<User>;
  /**
   * @param versions what the user's version must be one of, unless it does not matter
   * @throws UserNotFoundError, VersionMismatchError, EmailTakenError
   */
  update(id: string, changes: UserChanges, versions?: readonly number[]): Promise<User>;
  /** @throws UserNotFoundError, VersionMismatchError */
  remove(id: string, versions?: readonly number[]): Promise<void>;
}

interface Row extends Omit<User, 'createdAt' | 'updatedAt'> {
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const columns = `id, email, name, version, created_at AS "createdAt", updated_at AS "updatedAt"`;
const emailUnique = 'users_email_unique';
const lowestId = '00000000-0000-0000-0000-000000000000';

/** Opens when the database does not answer; that it refuses a statement is an answer. */
export function userDatabaseBreaker(): Breaker {
  return createBreaker({
    name: 'user-database',
    readyToTrip: ({ consecutiveFailures }) => consecutiveFailures >= 5,
    openMs: 1_000,
    classify,
  });
}

function classify(outcome: Outcome): 'success' | 'failure' | 'excluded' {
  if (outcome.ok) return 'success';
  const { error } = outcome;
  if (error instanceof DatabaseBusyError) return 'excluded'; // it never came to a call
  const isAway = error instanceof DatabaseUnavailableError || error instanceof OutcomeUnknownError;
  return isAway ? 'failure' : 'success';
}

export function createUserStore(
  database: Database,
  breaker: Breaker,
  cache: Cache<User>,
): UserStore {
  return new PostgresUserStore(database, breaker, cache);
}

class PostgresUserStore implements UserStore {
  readonly #database: Database;
  readonly #breaker: Breaker;
  readonly #cache: Cache<User>;

  constructor(database: Database, breaker: Breaker, cache: Cache<User>) {
    this.#database = database;
    this.#breaker = breaker;
    this.#cache = cache;
  }

  async find(id: string): Promise<Found> {
    const before = this.#cache.entry(id);
    let ended: 'loaded' | 'failed' | undefined;
    const user = await this.#cache.getOrSet(id, async () => {
      ended = 'failed';
      const loaded = await this.#select(id);
      ended = 'loaded';
      return loaded;
    });
    return { user, report: reportOf(ended, before, this.#cache.entry(id)) };
  }

  async page({ limit, afterId }: PageQuery): Promise<Page> {
    const text = `SELECT ${columns} FROM users WHERE id > $1 ORDER BY id LIMIT $2`;
    const values = [afterId ?? lowestId, limit + 1];
    const users = await this.#run({ kind: 'read', text, values });
    return { users: users.slice(0, limit), hasMore: users.length > limit };
  }

  async create({ email, name }: NewUser): Promise<User> {
    const text = `INSERT INTO users (id, email, name) VALUES ($1, $2, $3) RETURNING ${columns}`;
    try {
      const user = await this.#change(text, [uuidV7(), email, name], userCreated);
      if (user) return user;
    } catch (error) {
      throw await this.#emailTaken(error, email);
    }
    throw new Error('an INSERT gave no row back');
  }

  async update(
    id: string,
    { email, name }: UserChanges,
    versions?: readonly number[],
  ): Promise<User> {
    const text = `
      UPDATE users
      SET email = coalesce($2, email), name = coalesce($3, name),
          version = version + 1, updated_at = now()
      WHERE id = $1 AND ($4::integer[] IS NULL OR version = ANY ($4))
      RETURNING ${columns}`;
    try {
      const values = [id, email ?? null, name ?? null, versions ?? null];
      const changes = { email, name };
      return await this.#write(id, text, values, (user) => userUpdated(user, changes));
    } catch (error) {
      throw await this.#emailTaken(error, email);
    }
  }

  async remove(id: string, versions?: readonly number[]): Promise<void> {
    const text = `
      DELETE FROM users
      WHERE id = $1 AND ($2::integer[] IS NULL OR version = ANY ($2))
      RETURNING id, email, name, version + 1 AS version, created_at AS "createdAt", now() AS "updatedAt"`;
    await this.#write(id, text, [id, versions ?? null], userDeleted);
  }

  async #run(statement: Statement): Promise<User[]> {
    const rows = await this.#breaker.execute(() => this.#database.query<Row>(statement));
    return rows.map(toUser);
  }

  async #select(id: string): Promise<User | undefined> {
    const text = `SELECT ${columns} FROM users WHERE id = $1`;
    const [user] = await this.#run({ kind: 'read', text, values: [id] });
    return user;
  }

  /** Carries out a statement that changes one user at most, and writes what happened in the same transaction. */
  #change(
    text: string,
    values: unknown[],
    eventOf: (user: User) => UserEvent,
  ): Promise<User | undefined> {
    const work = async (transaction: Transaction) => {
      const [row] = (await transaction.query<Row>(text, values)).rows;
      if (!row) return undefined;
      const user = toUser(row);
      await outbox.enqueue(transaction, userEvents, eventOf(user));
      return user;
    };
    return this.#breaker.execute(() => this.#database.transaction(work));
  }

  /** Changes or removes one user, if its version is one of those given. */
  async #write(
    id: string,
    text: string,
    values: unknown[],
    eventOf: (user: User) => UserEvent,
  ): Promise<User> {
    try {
      const user = await this.#change(text, values, eventOf);
      await this.#forget(id); // also when the caller knew another version: perhaps from here
      if (user) return user;
    } catch (error) {
      if (error instanceof OutcomeUnknownError) await this.#forget(id);
      throw error;
    }
    const current = await this.#select(id);
    throw current ? new VersionMismatchError(id, current.version) : new UserNotFoundError(id);
  }

  /**
   * Forgets what the cache has of a user. Not replaced by the new row: of two writes, the earlier one may get here
   * later. While L2 is away the cache keeps the delete for it, up to 10,000 of them. What fails here is one too many:
   * the write is committed and must not be answered as failed, and the ttl bounds how long L2 may have the old user.
   */
  async #forget(id: string): Promise<void> {
    await this.#cache.delete(id).catch(() => undefined);
  }

  /** Turns a violated unique constraint into whose address it is; other errors stay what they are. */
  async #emailTaken(error: unknown, email: string | undefined): Promise<unknown> {
    if (!(error instanceof pg.DatabaseError && error.constraint === emailUnique && email)) {
      return error;
    }
    const text = `SELECT ${columns} FROM users WHERE email = $1`;
    const [owner] = await this.#run({ kind: 'read', text, values: [email] }).catch(() => []);
    return new EmailTakenError(email, owner?.id);
  }
}

function toUser({ createdAt, updatedAt, ...rest }: Row): User {
  return { ...rest, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}

/** How a value was come by, from how our load ended, if it ran, and what L1 knew before and knows now. */
export function reportOf(
  ended: 'loaded' | 'failed' | undefined,
  before: CacheEntry<User> | undefined,
  after: CacheEntry<User> | undefined,
): CacheReport {
  if (ended === 'loaded') return { kind: 'miss', stored: after !== undefined, collapsed: false };
  // Somebody else's load: it found nobody, or the user was changed meanwhile.
  if (!after) return { kind: 'miss', stored: false, collapsed: true };
  const { ageMs, ttlMs } = after;
  if (ended === 'failed' || ttlMs <= 0) {
    return { kind: 'stale', ageMs, ttlMs, why: 'database-away' };
  }
  if (before?.value === after.value) return { kind: 'hit', ageMs, ttlMs, tier: 'l1' };
  if (after.tier === 'l2') return { kind: 'hit', ageMs, ttlMs, tier: 'l2' };
  return { kind: 'miss', stored: true, collapsed: true };
}
