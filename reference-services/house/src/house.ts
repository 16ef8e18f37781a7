import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { postgresVersion } from '@shopgpt/embedded-postgres';
import { Claim } from './claim.ts';
import { type HouseConfig, withoutPassword } from './config.ts';
import { startControlRoom } from './control-room/server.ts';
import { type UserService, userService } from './control-room/user-service.ts';
import { keptSecret, prepareDataDir } from './data-dir.ts';
import { embeddedUrl, requireDatabase, startEmbeddedDatabase } from './database.ts';
import type { Greeting } from './greeting.ts';
import { Part, type Running } from './part.ts';
import { firstFreePort, requireFreePorts } from './ports.ts';
import { seedUsers } from './seed/copy.ts';
import { packageFolder, startService } from './service-process.ts';
import { orStartError, reasonOf } from './start-error.ts';

type Say = (line: string) => void;

/** Each data folder has a port of its own, as a rule: houses that start together must not race for one. */
const databasePortOf = (dataDir: string) => 15_432 + (crc32(dataDir) % 10_000);
/** What a killed house left behind needs this long to notice and end. */
const REMAINS_END_WITHIN_MS = 6000;
const READY_WITHIN_MS = 10_000;
const ELSEWHERE =
  '\n                because the data folder is closed to others, and PostgreSQL never runs as root';

/** Everything that `npm start` runs: started in order, ended in the opposite order. */
export class House {
  readonly #config: HouseConfig;
  readonly #say: Say;
  readonly #isStopping = new AbortController();
  /** What ends the things that run, the newest last. */
  readonly #ends: (() => unknown)[] = [];

  constructor(config: HouseConfig, say: Say) {
    this.#config = config;
    this.#say = say;
  }

  /** @throws StartError when it cannot run here; what did start is then ended by {@link stop} */
  async start(): Promise<Greeting> {
    const { dataDir, housePort, userServicePort, redisUrl, kafkaBrokers } = this.#config;
    const controlRoomUrl = localUrl(housePort);
    prepareDataDir(dataDir);
    const claim = new Claim(dataDir, { pid: process.pid, url: controlRoomUrl });
    this.#owns(() => claim.release());
    const ports = { HOUSE_PORT: housePort, USER_SERVICE_PORT: userServicePort };
    await requireFreePorts(ports, claim.previousWasKilled ? REMAINS_END_WITHIN_MS : 0);

    const database = await this.#startDatabase();
    const apiToken = keptSecret(dataDir, 'api-token');
    const service = await this.#startUserService(database.url, apiToken);
    const users = userService(localUrl(userServicePort), apiToken);
    await this.#seed(database.url, users);
    const examples = await orStartError('ERR_HOUSE_SERVICE', 'Asking for users', users.examples());

    const controls = { users, service, database: database.part, examples };
    const controlRoom = await startControlRoom(housePort, controls);
    this.#owns(() => controlRoom.close());
    return {
      controlRoomUrl,
      userServiceUrl: localUrl(userServicePort),
      tokenFile: path.join(dataDir, 'api-token'),
      database: database.description,
      cache: redisUrl ? `in memory, then ${withoutPassword(redisUrl)}` : 'in memory',
      events: kafkaBrokers ?? 'in memory of user-service, until it ends',
      exampleId: examples[0]?.id,
    };
  }

  async stop(): Promise<void> {
    this.#isStopping.abort();
    for (const end of this.#ends.splice(0).reverse()) {
      try {
        await end();
      } catch (error) {
        this.#say(reasonOf(error));
      }
    }
  }

  /** From now on this is the house's to end; throws when the house is ending already. */
  #owns(end: () => unknown): void {
    this.#isStopping.signal.throwIfAborted();
    this.#ends.push(end);
  }

  async #startPart(name: string, start: (signal: AbortSignal) => Promise<Running>): Promise<Part> {
    const part = new Part({ name, start, say: this.#say });
    this.#owns(() => part.stop());
    await part.start();
    return part;
  }

  async #startDatabase(): Promise<DatabaseInUse> {
    const { databaseUrl, dataDir } = this.#config;
    if (databaseUrl !== undefined) {
      await requireDatabase(databaseUrl);
      return { url: databaseUrl, part: undefined, description: withoutPassword(databaseUrl) };
    }
    const folder = path.join(dataDir, 'postgres');
    if (!existsSync(folder)) this.#say('Creating the database; only the first start does that.');
    const password = keptSecret(dataDir, 'database-password');
    const options = { folder, port: await firstFreePort(databasePortOf(dataDir)), password };
    const part = await this.#startPart('PostgreSQL', () => startEmbeddedDatabase(options));
    const place = realpathSync(folder);
    const why = path.dirname(place) === realpathSync(dataDir) ? '' : ELSEWHERE;
    const description = `PostgreSQL ${postgresVersion}, embedded, in ${place}${why}`;
    return { url: embeddedUrl(options), part, description };
  }

  #startUserService(databaseUrl: string, apiToken: string): Promise<Part> {
    const name = 'user-service';
    const { userServicePort, redisUrl, kafkaBrokers } = this.#config;
    const env = {
      // Short, so that a visitor need not wait long to see an entry become too old.
      CACHE_TTL_MS: '15000',
      ...process.env,
      HOST: '127.0.0.1',
      PORT: String(userServicePort),
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      KAFKA_BROKERS: kafkaBrokers,
      API_TOKEN: apiToken,
      SHUTDOWN_TIMEOUT_MS: '2000',
    };
    const options = { name, folder: packageFolder('@shopgpt/user-service'), env, say: this.#say };
    return this.#startPart(name, (signal) => startService(options, signal));
  }

  async #seed(databaseUrl: string, users: UserService): Promise<void> {
    const limit = AbortSignal.any([this.#isStopping.signal, AbortSignal.timeout(READY_WITHIN_MS)]);
    const what = 'user-service does not find its database ready';
    await orStartError('ERR_HOUSE_SERVICE', what, users.untilReady(limit));
    const seeding = seedUsers(databaseUrl);
    const added = await orStartError('ERR_HOUSE_DATABASE', 'Adding the users', seeding);
    if (added > 0) this.#say(`Added ${added.toLocaleString('en')} users.`);
  }
}

interface DatabaseInUse {
  readonly url: string;
  /** Undefined when it is not ours to stop. */
  readonly part: Part | undefined;
  readonly description: string;
}

const localUrl = (port: number) => `http://127.0.0.1:${port}`;
