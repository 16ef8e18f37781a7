import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Binary } from './find.ts';
import { type KafkaSecurity, kafkaVersion } from './kafka-recipe.ts';
import { freePort, startDaemon, throwAwayPath } from './process.ts';
import { type Facts, type Life, OwnServer } from './server.ts';

/** Where a node listens, and where it sends clients to. */
export interface NodePlan {
  readonly id: number;
  readonly clientPort: number;
  readonly advertisedPort: number;
  readonly brokerPort: number;
  readonly controllerPort: number;
}

interface NodeOptions {
  readonly name: string;
  readonly binary: Binary;
  readonly plan: NodePlan;
  /** All nodes of the cluster. */
  readonly all: readonly NodePlan[];
  readonly security: KafkaSecurity | undefined;
}

/** A broker that we started. */
export class KafkaNode extends OwnServer {
  readonly security: KafkaSecurity | undefined;

  constructor(
    facts: Facts,
    life: Life,
    start: () => Promise<Life>,
    security: KafkaSecurity | undefined,
  ) {
    super(facts, life, start);
    this.security = security;
  }
}

export async function planNode(
  id: number,
  clientPort: number,
  advertise: ((node: { id: number; url: string }) => Promise<number>) | undefined,
): Promise<NodePlan> {
  const advertisedPort = (await advertise?.({ id, url: `127.0.0.1:${clientPort}` })) ?? clientPort;
  const [brokerPort, controllerPort] = [await freePort(), await freePort()];
  return { id, clientPort, advertisedPort, brokerPort, controllerPort };
}

export async function startNode(options: NodeOptions): Promise<KafkaNode> {
  const { name, binary, plan, security } = options;
  const folder = throwAwayPath(name);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const start = async () => {
    if (security) await writeFile(path.join(folder, 'node.p12'), security.keyStore);
    await writeFile(path.join(folder, 'node.properties'), settings(options, folder));
    return startJava(name, binary, folder, security);
  };
  const life = await start();
  const url = `127.0.0.1:${plan.clientPort}`;
  return new KafkaNode(
    { name, version: kafkaVersion, found: binary.found, url },
    life,
    start,
    security,
  );
}

/** Small and quick to start rather than quick for long. */
const jvm = ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** Any 16 bytes; nodes of one cluster must agree. */
const clusterId = 'c2hvcGdwdC10ZXN0LWthZg';

function startJava(name: string, binary: Binary, folder: string, security?: KafkaSecurity) {
  const file = path.join(folder, 'node.properties');
  const user = security && `name=${security.username},password=${security.password}`;
  const scram = user ? ['--add-scram', `SCRAM-SHA-512=[${user}]`] : [];
  const format = ['format', '--cluster-id', clusterId, '--config', file, ...scram];
  const formatted = path.join(folder, 'data/meta.properties');
  const args = [...jvm, '-Dlog4j2.disable.jmx=true', 'KafkaNode', file, formatted, ...format];
  return startDaemon({ name, binary, args, folder, readyText: 'Kafka Server started' });
}

function settings({ plan, all, security }: NodeOptions, folder: string): string {
  const copies = all.length;
  const voters = all.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`);
  const client = `CLIENT://127.0.0.1`;
  const broker = `BROKER://127.0.0.1:${plan.brokerPort}`;
  const internal = (topic: string) => ({
    [`${topic}.replication.factor`]: copies,
    [`${topic}.num.partitions`]: 4,
  });
  const values = {
    'process.roles': 'broker,controller',
    'node.id': plan.id,
    'controller.quorum.voters': voters.join(','),
    listeners: `${client}:${plan.clientPort},${broker},CONTROLLER://127.0.0.1:${plan.controllerPort}`,
    'advertised.listeners': `${client}:${plan.advertisedPort},${broker}`,
    'listener.security.protocol.map': `CLIENT:${security ? 'SASL_SSL' : 'PLAINTEXT'},BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    'inter.broker.listener.name': 'BROKER',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': path.join(folder, 'data'),
    'auto.create.topics.enable': false,
    'default.replication.factor': copies,
    'min.insync.replicas': Math.ceil(copies / 2),
    ...internal('offsets.topic'),
    ...internal('transaction.state.log'),
    ...internal('share.coordinator.state.topic'),
    'transaction.state.log.min.isr': Math.ceil(copies / 2),
    'share.coordinator.state.topic.min.isr': Math.ceil(copies / 2),
    // Groups form, and notice who is gone, as fast as a test wants.
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 500,
    // A node that is gone is replaced within seconds: the defaults are 9, 2, 2 and 1 s.
    'broker.session.timeout.ms': 3_000,
    'broker.heartbeat.interval.ms': 500,
    'controller.quorum.fetch.timeout.ms': 1_000,
    'controller.quorum.election.timeout.ms': 500,
    // Small: 128 MB and 10 MB an index by default.
    'log.cleaner.dedupe.buffer.size': 2_097_152,
    'log.index.size.max.bytes': 1_048_576,
    'num.network.threads': 2,
    'num.io.threads': 4,
    ...(security ? secureSettings(security, folder) : {}),
  };
  return Object.entries(values)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

function secureSettings({ password }: KafkaSecurity, folder: string) {
  const login = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  return {
    'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
    'listener.name.client.scram-sha-512.sasl.jaas.config': login,
    'listener.name.client.ssl.keystore.type': 'PKCS12',
    'listener.name.client.ssl.keystore.location': path.join(folder, 'node.p12'),
    'listener.name.client.ssl.keystore.password': password,
  };
}
