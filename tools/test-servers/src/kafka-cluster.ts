import { all, startAll } from './group.ts';
import type { KafkaOptions, KafkaServer } from './kafka.ts';
import { type NodePlan, planNode, startNode } from './kafka-node.ts';
import { findKafka, type KafkaSecurity, makeSecurity } from './kafka-recipe.ts';
import { describeKafka, untilInSync } from './kafka-state.ts';
import { freePort, onFreePort } from './process.ts';
import { foreignServer, type TestServer } from './server.ts';

/** A Kafka cluster; its faults strike all nodes at once, those of `nodes` one. */
export interface KafkaCluster extends KafkaServer {
  /** The addresses of all nodes, separated by commas. */
  readonly url: string;
  /** In the order of their ids: 1, 2, 3. */
  readonly nodes: readonly TestServer[];
  /** Resolves once all nodes are there and all replicas in sync; a failover ends with this. */
  untilHealthy(): Promise<void>;
}

const name = 'Kafka Cluster';
const variable = 'TEST_KAFKA_CLUSTER_URL';
const size = 3;

/**
 * Kafka 4 of three nodes, each broker and controller, ready when one of them may be killed: by default a
 * topic has three replicas, of which two must be in sync. A node that is silent is replaced within 3 s.
 *
 * @throws ServerUnavailableError when there is none and none can be had
 */
export async function startKafkaCluster(options: KafkaOptions = {}): Promise<KafkaCluster> {
  const urls = process.env[variable];
  if (urls && !options.own) return foreignCluster(urls);
  const binary = await findKafka(`Set ${variable} to one that is there`);
  const security = options.secure ? await makeSecurity() : undefined;
  const nodes = await onFreePort(async (port) => {
    const ports = [port, await freePort(), await freePort()];
    const plans: NodePlan[] = [];
    for (const [i, own] of ports.entries())
      plans.push(await planNode(i + 1, own, options.advertise));
    return startAll(size, (i) => {
      const [plan = plans[0]] = plans.slice(i);
      if (!plan) throw new RangeError('a node without a plan');
      return startNode({ name, binary, plan, all: plans, security });
    });
  });
  const cluster = new OwnCluster(nodes, security);
  await cluster.untilHealthy();
  return cluster;
}

class OwnCluster implements KafkaCluster {
  readonly name = name;
  readonly version: string;
  readonly found: string;
  readonly url: string;
  readonly nodes: readonly TestServer[];
  readonly security: KafkaSecurity | undefined;

  constructor(nodes: readonly TestServer[], security: KafkaSecurity | undefined) {
    this.nodes = nodes;
    this.security = security;
    this.version = nodes[0]?.version ?? '';
    this.found = nodes[0]?.found ?? '';
    this.url = nodes.map((node) => node.url).join(',');
  }

  get pid(): number | undefined {
    return this.nodes[0]?.pid;
  }

  untilHealthy(): Promise<void> {
    return untilInSync(this.url, this.security, this.nodes.length);
  }

  kill(): Promise<void> {
    return all(this.nodes, (node) => node.kill());
  }

  pause(): Promise<void> {
    return all(this.nodes, (node) => node.pause());
  }

  resume(): Promise<void> {
    return all(this.nodes, (node) => node.resume());
  }

  /** All at once: one alone waits for the others. */
  async restart(): Promise<void> {
    await this.kill();
    await all(this.nodes, (node) => node.restart());
    await this.untilHealthy();
  }

  stop(): Promise<void> {
    return all(this.nodes, (node) => node.stop());
  }
}

async function foreignCluster(url: string): Promise<KafkaCluster> {
  const facts = await describeKafka(name, url, variable);
  const nodes = url.split(',').map((own) => foreignServer({ ...facts, url: own }));
  return {
    ...foreignServer(facts),
    nodes,
    security: undefined,
    untilHealthy: () => untilInSync(url, undefined, nodes.length),
  };
}
