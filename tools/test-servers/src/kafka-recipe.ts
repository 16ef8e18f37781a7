import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Binary, findBinary } from './find.ts';
import { fromMaven } from './maven.ts';

/** As in the pom. */
export const kafkaVersion = '4.1.1';
const recipe = { name: 'Kafka', version: kafkaVersion, folder: 'kafka', main: 'KafkaNode' };

/** What a client needs to come in. */
export interface KafkaSecurity {
  /** The certificate that signs those of the nodes, as PEM. */
  readonly ca: string;
  readonly mechanism: 'scram-sha-512';
  readonly username: string;
  readonly password: string;
  /** The key and certificate of the nodes, as PKCS #12 under the same password. */
  readonly keyStore: Uint8Array;
}

/** The Java of the machine, with the jars and our class in its CLASSPATH. */
export function findKafka(advice: string): Promise<Binary> {
  return findBinary('Kafka', [fromMaven(recipe)], `Install Java 17 or newer and Maven. ${advice}.`);
}

/** A user, and a certificate for loopback that is signed by itself, made by the keytool of Java. */
export async function makeSecurity(): Promise<KafkaSecurity> {
  const password = randomBytes(12).toString('hex');
  const folder = await mkdtemp(path.join(os.tmpdir(), 'shopgpt-kafka-keys-'));
  try {
    const store = path.join(folder, 'node.p12');
    const common = ['-alias', 'node', '-keystore', store, '-storepass', password];
    const names = ['-dname', 'CN=localhost', '-ext', 'san=ip:127.0.0.1,dns:localhost'];
    await keytool(['-genkeypair', '-keyalg', 'EC', '-storetype', 'PKCS12', ...names, ...common]);
    const ca = await keytool(['-exportcert', '-rfc', ...common]);
    const keyStore = await readFile(store);
    return { ca, keyStore, mechanism: 'scram-sha-512', username: 'shop', password };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function keytool(args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('keytool', args, { timeout: 30_000 });
  return stdout;
}
