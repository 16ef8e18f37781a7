import { type Admin, Kafka, logLevel } from 'kafkajs';
import { ServerUnavailableError } from './errors.ts';
import { until } from './group.ts';
import type { KafkaSecurity } from './kafka-recipe.ts';
import type { Facts } from './server.ts';

/** A broker of the environment; Kafka does not say its version. */
export async function describeKafka(name: string, url: string, found: string): Promise<Facts> {
  try {
    await withAdmin(url, undefined, (admin) => admin.describeCluster());
    return { name, version: 'unknown', found, url };
  } catch (error) {
    const tried = `${found} (${url}): ${String(error)}`;
    throw new ServerUnavailableError(name, [tried], 'Start it, or take the variable away.', {
      cause: error,
    });
  }
}

/** Resolves once so many brokers are there, and every partition has a leader and all its replicas in sync. */
export function untilInSync(
  url: string,
  security: KafkaSecurity | undefined,
  brokers: number,
): Promise<void> {
  return until('all brokers are there and all replicas in sync', () =>
    withAdmin(url, security, async (admin) => {
      const cluster = await admin.describeCluster();
      const { topics } = await admin.fetchTopicMetadata();
      const partitions = topics.flatMap((topic) => topic.partitions);
      return (
        cluster.brokers.length === brokers &&
        partitions.every(
          ({ leader, isr, replicas }) => leader >= 0 && isr.length === replicas.length,
        )
      );
    }),
  );
}

/** A fresh object each time: kafkajs keeps things in it. */
function credentials({ ca, mechanism, username, password }: KafkaSecurity) {
  return { ssl: { ca: [ca] }, sasl: { mechanism, username, password } };
}

async function withAdmin<T>(
  url: string,
  security: KafkaSecurity | undefined,
  use: (admin: Admin) => Promise<T>,
): Promise<T> {
  const kafka = new Kafka({
    brokers: url.split(','),
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
    connectionTimeout: 2_000,
    requestTimeout: 5_000,
    ...(security ? credentials(security) : {}),
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}
