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

/** The person at the keyboard has made a mistake. */
export class UsageError extends Error {}

/** @throws UsageError when something would be ignored, or cannot be */
export function checkConnect(options: ConnectOptions): void {
  const { brokers, ssl, caFile, sasl, username, passwordFile } = options;
  const wrong = brokers.find(
    (broker) => !/^[^\s:]+:\d{1,5}$|^\[[\da-f:]+\]:\d{1,5}$/i.test(broker),
  );
  if (wrong !== undefined) {
    throw new UsageError(`--brokers must be host:port, separated by commas, got "${wrong}"`);
  }
  if (caFile !== undefined && !ssl) throw new UsageError('--ca needs --ssl');
  if (sasl === undefined) {
    if (username === undefined && passwordFile === undefined) return;
    throw new UsageError('--username and --password-file need --sasl');
  }
  if (!mechanisms.includes(sasl)) {
    throw new UsageError(`--sasl must be plain, scram-sha-256 or scram-sha-512, got "${sasl}"`);
  }
  if (username === undefined || passwordFile === undefined) {
    throw new UsageError('--sasl needs --username and --password-file');
  }
}

const mechanisms: readonly string[] = ['plain', 'scram-sha-256', 'scram-sha-512'];

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

async function saslOf(options: ConnectOptions): Promise<SASLOptions | undefined> {
  const { sasl, username = '', passwordFile = '' } = options;
  if (sasl === undefined) return undefined;
  const password = (await readFile(passwordFile, 'utf8')).trimEnd();
  if (sasl === 'plain') return { mechanism: sasl, username, password };
  const mechanism = sasl === 'scram-sha-256' ? sasl : 'scram-sha-512';
  return { mechanism, username, password };
}
