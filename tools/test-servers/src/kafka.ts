import { type KafkaNode, planNode, startNode } from './kafka-node.ts';
import { findKafka, type KafkaSecurity, makeSecurity } from './kafka-recipe.ts';
import { describeKafka } from './kafka-state.ts';
import { onFreePort } from './process.ts';
import { foreignServer, type StartOptions, type TestServer } from './server.ts';

export type { KafkaSecurity } from './kafka-recipe.ts';

/** A Kafka broker, which is its own controller. */
export interface KafkaServer extends TestServer {
  /** `host:port`, as clients of Kafka want it. */
  readonly url: string;
  /** What a client needs besides the address; undefined when everybody may come in. */
  readonly security: KafkaSecurity | undefined;
}

/** How Kafka is started. */
export interface KafkaOptions extends StartOptions {
  /**
   * Called for each node before it starts: the port that the node tells clients to come to, e.g. that of a
   * proxy whose target is `node.url`. Brokers reach each other without it. Default: the node's own port.
   */
  readonly advertise?: (node: { readonly id: number; readonly url: string }) => Promise<number>;
  /** TLS, and SASL with SCRAM-SHA-512, for clients; see `security` of the result. Default: false. */
  readonly secure?: boolean;
}

const name = 'Kafka';
const variable = 'TEST_KAFKA_URL';

/**
 * Kafka 4 of one node: the one that the environment names, or one from the jars of Maven Central on the
 * Java of the machine. Topics are not made by themselves.
 *
 * @throws ServerUnavailableError when there is none and none can be had
 */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  const url = process.env[variable];
  if (url && !options.own) {
    const server = foreignServer(await describeKafka(name, url, variable));
    return { ...server, security: undefined };
  }
  const binary = await findKafka(`Set ${variable} to one that is there`);
  const security = options.secure ? await makeSecurity() : undefined;
  return onFreePort(async (port): Promise<KafkaNode> => {
    const plan = await planNode(1, port, options.advertise);
    return startNode({ name, binary, plan, all: [plan], security });
  });
}
