import type { TopicDescription, TopicSpec } from '../driver.ts';
import { ProvisionRefusedError } from '../errors.ts';
import { MAX_MESSAGE_BYTES_KEY, type NeededTopic, withRoom } from './moved-topic.ts';
import { type AnyTopic, deadLetterTopic, retryTopic } from './topic.ts';

/** One thing that is so, or is to be done. */
export type ProvisionStep =
  /** There is no such topic: it is made. */
  | { readonly kind: 'create'; readonly topic: string; readonly spec: TopicSpec }
  /**
   * It has fewer partitions than wanted. They are raised only when that is allowed, for keys then go to other
   * partitions: a key's new messages may be handled before its old ones.
   */
  | {
      readonly kind: 'raise-partitions';
      readonly topic: string;
      readonly from: number;
      readonly to: number;
      readonly isAllowed: boolean;
    }
  /** It has more partitions than wanted, and Kafka cannot take any away. */
  | {
      readonly kind: 'refuse-shrink';
      readonly topic: string;
      readonly from: number;
      readonly to: number;
    }
  /** Something else differs. It is told, and not changed. */
  | {
      readonly kind: 'drift';
      readonly topic: string;
      /** A key of the configuration, or `replicationFactor`. */
      readonly key: string;
      readonly wanted: string;
      /** Undefined when the cluster has no such key. */
      readonly actual: string | undefined;
    }
  /** It is as wanted. */
  | { readonly kind: 'unchanged'; readonly topic: string };

/** A topic that a group reads with retry topics. */
export interface RetryReader {
  readonly topic: AnyTopic;
  readonly group: string;
}

/** How long a dead letter is kept. */
const DEAD_LETTER_RETENTION_MS = 30 * 24 * 3_600_000;

/**
 * Every topic that is needed: those given, their dead letters, and the retry topics of those who read them.
 * What is given is as it says, also when another one's dead letters go there.
 */
export function neededTopics(
  topics: readonly AnyTopic[],
  readers: readonly RetryReader[],
): NeededTopic[] {
  const given = new Map(topics.map((topic) => [topic.name, givenSpec(topic)]));
  const needed = topics.flatMap((topic): NeededTopic[] => {
    const { name } = topic;
    const source = givenSpec(topic);
    const groups = readers.filter((reader) => reader.topic.name === name).map((one) => one.group);
    const retries = groups.flatMap((group) => retrySpecs(topic, group));
    const moved = [...(topic.deadLetter ? [deadLetterSpec(topic)] : []), ...retries];
    return [
      { spec: source, source: undefined },
      ...moved.map((spec) => ({ spec: given.get(spec.name) ?? spec, source })),
    ];
  });
  return distinct(needed);
}

/** Each once, after its source; whoever knows where messages come from knows more. */
function distinct(needed: readonly NeededTopic[]): NeededTopic[] {
  const moved = new Set(needed.filter(({ source }) => source).map(({ spec }) => spec.name));
  const known = needed.filter(({ spec, source }) => source || !moved.has(spec.name));
  return [...new Map(known.map((one) => [one.spec.name, one])).values()];
}

/** What is to be done, and what differs. @param found what the cluster has, in the order of `wanted` */
export function planProvision(
  wanted: readonly NeededTopic[],
  found: readonly (TopicDescription | undefined)[],
  raisePartitions: boolean,
): ProvisionStep[] {
  return wanted.flatMap((needed, i) => {
    const spec = withRoom(
      needed,
      found.find((one) => one && one.name === needed.source?.name),
    );
    const actual = found[i];
    if (!actual) return [{ kind: 'create', topic: spec.name, spec }];
    const steps = [
      ...partitionSteps(spec, actual, raisePartitions),
      ...driftSteps(spec, actual, spec !== needed.spec),
    ];
    return steps.length > 0 ? steps : [{ kind: 'unchanged', topic: spec.name }];
  });
}

/** @throws ProvisionRefusedError when something of the plan cannot be done */
export function checkPlan(steps: readonly ProvisionStep[]): void {
  const refused = steps.filter((step) => step.kind === 'refuse-shrink');
  if (refused.length === 0) return;
  throw new ProvisionRefusedError(
    refused.map(({ topic }) => topic),
    refused.map(({ topic, from, to }) => `"${topic}" has ${from} partitions and cannot have ${to}`),
  );
}

/** The plan as lines for people. */
export function planText(steps: readonly ProvisionStep[]): string {
  return steps.map((step) => `${lineOf(step)}\n`).join('');
}

function lineOf(step: ProvisionStep): string {
  switch (step.kind) {
    case 'create':
      return `create     ${step.topic}: ${specText(step.spec)}`;
    case 'raise-partitions':
      return step.isAllowed
        ? `raise      ${step.topic}: partitions ${step.from} -> ${step.to}; keys move to other partitions, so the order of a key breaks until its old messages are handled`
        : `differs    ${step.topic}: has ${step.from} partitions, wanted ${step.to}; raised only with raisePartitions: true, for the order of keys breaks`;
    case 'refuse-shrink':
      return `impossible ${step.topic}: has ${step.from} partitions, wanted ${step.to}; partitions cannot be taken away`;
    case 'drift':
      return `differs    ${step.topic}: ${step.key} is ${step.actual ?? 'not known'}, wanted ${step.wanted}`;
    case 'unchanged':
      return `ok         ${step.topic}`;
  }
}

function specText({ partitions, replicationFactor, config }: TopicSpec): string {
  const replicas = replicationFactor === undefined ? [] : [`replication ${replicationFactor}`];
  const keys = Object.entries(config).map(([key, value]) => `${key}=${value}`);
  return [`partitions ${partitions}`, ...replicas, ...keys].join(', ');
}

function givenSpec(topic: AnyTopic): TopicSpec {
  const { name, partitions, config } = topic;
  return { name, partitions, config, ...replicas(topic) };
}

function replicas({ replicationFactor }: AnyTopic): { replicationFactor?: number } {
  return replicationFactor === undefined ? {} : { replicationFactor };
}

/** One partition, as Kafka Connect has it: dead letters are few, and are read in the order in which they died. */
function deadLetterSpec(topic: AnyTopic): TopicSpec {
  const config = { ...movedConfig(topic), 'retention.ms': String(DEAD_LETTER_RETENTION_MS) };
  return { name: deadLetterTopic(topic.name), partitions: 1, config, ...replicas(topic) };
}

function retrySpecs(topic: AnyTopic, group: string): TopicSpec[] {
  if (!topic.retry.topics) return [];
  return topic.retry.backoffMs.map((_, i) => ({
    name: retryTopic(topic.name, group, i + 1),
    partitions: topic.partitions,
    config: movedConfig(topic),
    ...replicas(topic),
  }));
}

/** What a moved message needs as much as the first one did. */
function movedConfig({ config }: AnyTopic): Record<string, string> {
  const minimum = config['min.insync.replicas'];
  return minimum === undefined ? {} : { 'min.insync.replicas': minimum };
}

function partitionSteps(
  { name: topic, partitions: to }: TopicSpec,
  { partitions: from }: TopicDescription,
  isAllowed: boolean,
): ProvisionStep[] {
  if (from < to) return [{ kind: 'raise-partitions', topic, from, to, isAllowed }];
  if (from > to) return [{ kind: 'refuse-shrink', topic, from, to }];
  return [];
}

function driftSteps(
  { name: topic, replicationFactor, config }: TopicSpec,
  actual: TopicDescription,
  hasRoom: boolean,
): ProvisionStep[] {
  const keys = Object.entries(config).map(
    ([key, wanted]) => [key, wanted, actual.config[key]?.value] as const,
  );
  const replicas =
    replicationFactor === undefined
      ? []
      : [
          [
            'replicationFactor',
            String(replicationFactor),
            String(actual.replicationFactor),
          ] as const,
        ];
  return [...replicas, ...keys]
    .filter(([key, wanted, value]) => {
      // More room than is needed is no fault.
      const isRoom = hasRoom && key === MAX_MESSAGE_BYTES_KEY;
      return isRoom ? !(Number(value) >= Number(wanted)) : wanted !== value;
    })
    .map(([key, wanted, value]) => ({ kind: 'drift', topic, key, wanted, actual: value }));
}
