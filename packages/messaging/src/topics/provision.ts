import { checkFlag, checkKnown, show } from '../check.ts';
import type { DriverAdmin } from '../driver.ts';
import { type NeededTopic, withRoom } from './moved-topic.ts';
import {
  checkPlan,
  neededTopics,
  type ProvisionStep,
  planProvision,
  planText,
  type RetryReader,
} from './provision-plan.ts';
import { type AnyTopic, checkTopic } from './topic.ts';

/** What `provision` takes beside the topics. */
export interface ProvisionOptions {
  /** Only looks and tells; changes nothing, refuses nothing. Default false. */
  readonly dryRun?: boolean;
  /**
   * Raises the partitions of topics that have too few. Keys then go to other partitions, so that a key's new
   * messages may be handled before its old ones. Default false.
   */
  readonly raisePartitions?: boolean;
}

/** What was found and done. */
export interface ProvisionPlan {
  /** One or more for each topic, dead letters and retry topics included. */
  readonly steps: readonly ProvisionStep[];
  /** Whether what can be done was done. */
  readonly isApplied: boolean;
  /** The same, for people: a line for each step. */
  readonly text: string;
}

/**
 * Makes the topics that are missing. Safe to repeat, and for several processes at once.
 *
 * @throws ProvisionRefusedError, before anything is changed, when a topic has more partitions than it is to
 * have; TypeError for a bad topic or option; DriverError when the cluster fails, after which it may be repeated
 */
export async function provision(
  admin: DriverAdmin,
  topics: readonly AnyTopic[],
  readers: readonly RetryReader[],
  options: ProvisionOptions,
): Promise<ProvisionPlan> {
  checkKnown('provision', options, ['dryRun', 'raisePartitions']);
  const { dryRun = false, raisePartitions = false } = options;
  checkFlag('dryRun', dryRun);
  checkFlag('raisePartitions', raisePartitions);
  if (!Array.isArray(topics)) throw new TypeError(`topics must be an array, got ${show(topics)}`);
  for (const [i, topic] of topics.entries()) checkTopic(topic, `topics[${i}]`);
  const wanted = neededTopics(topics, readers);
  const found = await admin.describe(wanted.map(({ spec }) => spec.name));
  const planned = planProvision(wanted, found, raisePartitions);
  const steps = dryRun ? planned : await applied(admin, planned, wanted);
  return { steps, isApplied: !dryRun, text: planText(steps) };
}

/** Does what is planned, and tells what was done. */
async function applied(
  admin: DriverAdmin,
  planned: readonly ProvisionStep[],
  wanted: readonly NeededTopic[],
): Promise<ProvisionStep[]> {
  checkPlan(planned);
  const steps: ProvisionStep[] = [];
  for (const plan of planned) {
    const needed = wanted.find(({ spec }) => spec.name === plan.topic);
    const step = needed?.source ? await withActualRoom(admin, plan, needed) : plan;
    if (step.kind === 'create') await admin.create(step.spec);
    if (step.kind === 'raise-partitions' && step.isAllowed) {
      await admin.raisePartitions(step.topic, step.to);
    }
    steps.push(step);
  }
  return steps;
}

/** A source that was just made says only now what the cluster takes. */
async function withActualRoom(
  admin: DriverAdmin,
  step: ProvisionStep,
  needed: NeededTopic,
): Promise<ProvisionStep> {
  if (step.kind !== 'create' || !needed.source) return step;
  const [source] = await admin.describe([needed.source.name]);
  return { ...step, spec: withRoom(needed, source) };
}
