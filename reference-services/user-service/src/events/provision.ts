import { setTimeout as delay } from 'node:timers/promises';
import { type AnyTopic, type Messaging, ProvisionRefusedError } from '@shopgpt/messaging';
import type { Logger } from 'pino';
import { pauseAfter } from '../startup.ts';

export interface ProvisioningOptions {
  readonly topic: AnyTopic;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Ends the trying: the service stops. */
  readonly signal: AbortSignal;
  /** For tests. Default: waits, until the signal. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

const longestPauseMs = 30_000;

/**
 * Makes the topic where that is allowed, and tells how it differs from what it should be. Nobody waits for it: while
 * the cluster is away or refuses, it tries again, and somebody else may make the topic meanwhile. Rejects nothing.
 *
 * @returns resolves after the first attempt, whatever came of it
 */
export async function beginProvisioning(
  messaging: Pick<Messaging, 'provision'>,
  options: ProvisioningOptions,
): Promise<void> {
  const told = new Set<string>();
  const isDone = await attempt(messaging, options, told);
  if (!isDone) void goOn(messaging, options, told);
}

async function goOn(
  messaging: Pick<Messaging, 'provision'>,
  options: ProvisioningOptions,
  told: Set<string>,
): Promise<void> {
  const { signal, pause = wait } = options;
  for (let failures = 1; !signal.aborted; failures += 1) {
    await pause(pauseAfter(failures, Math.random(), longestPauseMs), signal).catch(() => undefined);
    if (signal.aborted || (await attempt(messaging, options, told))) return;
  }
}

/** @returns whether there is nothing left to do */
async function attempt(
  messaging: Pick<Messaging, 'provision'>,
  { topic, log, signal }: ProvisioningOptions,
  told: Set<string>,
): Promise<boolean> {
  try {
    const { steps, text } = await messaging.provision([topic]);
    const isAsWanted = steps.every(({ kind }) => kind === 'create' || kind === 'unchanged');
    const plan = text.trimEnd().split('\n');
    if (isAsWanted) log.info({ plan }, 'the topic is ready');
    else log.warn({ plan }, 'the topic differs from what this service expects');
    return true;
  } catch (err) {
    if (signal.aborted) return true;
    const reason = String(err);
    if (!told.has(reason)) log.warn({ err }, `the topic "${topic.name}" is not provisioned`);
    told.add(reason);
    return err instanceof ProvisionRefusedError;
  }
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal });
}
