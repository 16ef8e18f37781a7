import { readFile } from 'node:fs/promises';
import type { SASLOptions } from 'kafkajs';
import type { Driver } from '../driver.ts';

/** The way to a cluster, as the command line says it. */
export interface ConnectOptions {
  readonly brokers: readonly string[];
  readonly ssl: boolean;
  readonly caFile: string | undefined;
  readonly sasl: string | undefined;
  readonly username: string | undefined;
  readonly passwordFile: string | undefined;
}

/** kafkajs is loaded here and nowhere else: whoever runs the command has it, others need not. */
export async function connect(options: ConnectOptions): Promise<Driver> {
  const [{ Kafka, logLevel }, { kafkajs }] = await Promise.all([
    import('kafkajs'),
    import('../kafkajs/index.ts'),
  ]);
  const ca = options.caFile === undefined ? undefined : await readFile(options.caFile, 'utf8');
  const sasl = await saslOf(options);
  const kafka = new Kafka({
    clientId: 'shopgpt-messaging',
    brokers: [...options.brokers],
    logLevel: logLevel.NOTHING,
    ...(options.ssl && { ssl: ca === undefined ? true : { ca } }),
    ...(sasl && { sasl }),
  });
  return kafkajs(kafka);
}

async function saslOf({
  sasl,
  username,
  passwordFile,
}: ConnectOptions): Promise<SASLOptions | undefined> {
  if (sasl === undefined) return undefined;
  if (sasl !== 'plain' && sasl !== 'scram-sha-256' && sasl !== 'scram-sha-512') {
    throw new Error(`--sasl must be plain, scram-sha-256 or scram-sha-512, got "${sasl}"`);
  }
  if (username === undefined || passwordFile === undefined) {
    throw new Error('--sasl needs --username and --password-file');
  }
  const password = (await readFile(passwordFile, 'utf8')).trimEnd();
  if (sasl === 'plain') return { mechanism: sasl, username, password };
  return { mechanism: sasl, username, password };
}
