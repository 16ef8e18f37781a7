import { setTimeout as delay } from 'node:timers/promises';
import { createMessaging, type Driver, type MessagingHealth } from '@shopgpt/messaging';
import { type RelayHealth, relay } from '@shopgpt/messaging/postgres';
import pg from 'pg';
import type { Logger } from 'pino';
import { within } from '../deadline.ts';
import { createProbe, type ProbeOptions } from '../health/probe.ts';
import { type UserEvent, userEventsOn } from '../users/events.ts';
import { beginProvisioning } from './provision.ts';
import { RecentEvents } from './recent.ts';

export interface OutletOptions {
  readonly driver: Driver;
  /** Whether the driver leads to Kafka, and not to the memory of this process. */
  readonly isKafka: boolean;
  readonly replicationFactor: number;
  readonly databaseUrl: string;
  readonly connectTimeoutMs: number;
  readonly probing: ProbeOptions;
  readonly log: Logger;
}

/** How the way from the outbox to the topic and back is. */
interface OutletHealth {
  readonly messaging: Pick<MessagingHealth, 'status' | 'reasons'>;
  readonly relay: RelayHealth;
}

/** Where events leave the service: from the outbox into the topic. */
export interface Outlet {
  /**
   * Begins to send, to make the topic, and to read it. The database must be prepared; Kafka may be away.
   *
   * @throws PooledConnectionError when there is a pooler between
   */
  open(): Promise<void>;
  /** Of the cluster; `off` when there is none. */
  kafka(): Promise<'up' | 'down' | 'off'>;
  health(): OutletHealth;
  /** The last events that this process read from the topic, the newest first. */
  recent(): readonly UserEvent[];
  /** Sends no more: what waits stays in the outbox. Takes a few seconds at most, mostly none. */
  close(): Promise<void>;
}

const recentLimit = 20;
const watchEveryMs = 500;
const readAfterMs = 2_000;
const closeTimeoutMs = 500;

export function createOutlet(options: OutletOptions): Outlet {
  const { driver, isKafka, log } = options;
  const messaging = createMessaging({ name: 'user-service', driver });
  const pool = relayPool(options);
  const sender = relay({ pool, messaging });
  const recent = new RecentEvents(recentLimit);
  const stopping = new AbortController();
  const topic = userEventsOn(options.replicationFactor);
  // All replicas are one group: each event is read by one of them.
  messaging.subscribe(topic, (event) => recent.add(event), {
    group: 'user-service',
    // What a replica that died held is read by another one after this time; there is no slow work to wait for.
    sessionTimeoutMs: 10_000,
  });

  const probe = createProbe(() => driver.admin.offsets(topic.name, 'latest'), options.probing);

  async function kafka(): Promise<'up' | 'down' | 'off'> {
    if (!isKafka) return 'off';
    return troubles().length === 0 && (await probe()) ? 'up' : 'down';
  }

  /** What is wrong between here and Kafka: that the relay has no database is not. */
  function troubles(): readonly string[] {
    const held = sender.stats().heldTopics > 0 ? sender.health().reasons : [];
    return [...messaging.health().reasons, ...held];
  }

  /** One line for an outage, and one for its end. */
  function watch(): void {
    let isUp: boolean | undefined;
    const look = () => {
      const reasons = troubles();
      if (isUp !== false && reasons.length > 0) {
        isUp = false;
        log.warn({ reasons }, 'trouble with Kafka: events wait in the outbox');
      }
      if (isUp !== true && reasons.length === 0 && messaging.health().status === 'up') {
        isUp = true;
        log.info('connected to Kafka');
      }
    };
    const timer = setInterval(look, watchEveryMs);
    stopping.signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  return {
    async open() {
      await sender.start();
      if (isKafka) watch();
      else log.info('user events stay in the memory of this process: KAFKA_BROKERS is not set');
      const provisioned = beginProvisioning(messaging, { topic, log, signal: stopping.signal });
      // A reader that comes before the topic would wait for a second try; one without a cluster should soon say so.
      const soon = delay(readAfterMs, undefined, { signal: stopping.signal });
      void Promise.race([provisioned, soon])
        .then(() => messaging.start())
        .catch(() => undefined);
    },
    kafka,
    health() {
      const { status, reasons } = messaging.health();
      return { messaging: { status, reasons }, relay: sender.health() };
    },
    recent: () => recent.list(),
    async close() {
      stopping.abort();
      await sender.close({ timeoutMs: closeTimeoutMs });
      await messaging.close({ timeoutMs: closeTimeoutMs });
      await within(pool.end(), closeTimeoutMs).catch(() => undefined);
    },
  };
}

/** One connection, which the relay keeps for its lock: it is not one of those that requests share. */
function relayPool({ databaseUrl, connectTimeoutMs }: OutletOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    application_name: 'user-service relay',
    max: 1,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  });
  // The relay notices a connection that dies, and makes another one.
  pool.on('error', () => undefined);
  return pool;
}
