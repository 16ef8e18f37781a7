import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Binary, findBinary, onThisMachine } from './find.ts';
import { installOnce, runInstaller } from './install.ts';

/** As in the pom. */
export const kafkaVersion = '4.1.1';
const recipe = path.join(import.meta.dirname, 'kafka');

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

const java = onThisMachine(
  ['java'],
  (text) => Number(/(?:openjdk|java) (\d+)/.exec(text)?.[1]) >= 17,
);

/** The Java of the machine, with the jars and our class in its CLASSPATH. */
export function findKafka(advice: string): Promise<Binary> {
  return findBinary('Kafka', [fromMaven], `Install Java 17 or newer and Maven. ${advice}.`);
}

async function fromMaven(): Promise<Binary> {
  const { file } = await java();
  const found = `Maven Central, Kafka ${kafkaVersion}`;
  const name = `kafka-${kafkaVersion}-${await recipeId()}`;
  const folder = await installOnce(name, found, async (fresh) => {
    await cp(recipe, fresh, { recursive: true });
    const quiet = ['--quiet', '--batch-mode', '--no-transfer-progress'];
    const copy = [
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      '-DoutputDirectory=lib',
    ];
    await runInstaller('mvn', [...quiet, ...copy], fresh);
    await runInstaller('javac', ['-cp', 'lib/*', '-d', '.', 'KafkaNode.java'], fresh);
  });
  return { file, found, env: { CLASSPATH: `${folder}:${folder}/lib/*` } };
}

/** Another recipe is another folder. */
async function recipeId(): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['pom.xml', 'KafkaNode.java', 'log4j2.properties']) {
    hash.update(await readFile(path.join(recipe, file)));
  }
  return hash.digest('hex').slice(0, 8);
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
