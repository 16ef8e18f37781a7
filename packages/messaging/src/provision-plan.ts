import type { TopicDescription, TopicSpec } from './driver.ts';
import { ProvisionRefusedError } from './errors.ts';
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
/** What the headers of a moved message may add to it. */
const MOVE_HEADER_BYTES = 16_384;

/** Every topic that is needed: those given, their dead letters, and the retry topics of those who read them. */
export function neededTopics(
  topics: readonly AnyTopic[],
  readers: readonly RetryReader[],
): TopicSpec[] {
  const specs = topics.flatMap((topic) => {
    const { name, partitions } = topic;
    const groups = readers.filter((reader) => reader.topic.name === name).map((one) => one.group);
    const retries = groups.flatMap((group) => retrySpecs(topic, group));
    return [
      { name, partitions, config: topic.config, ...replicas(topic) },
      ...(topic.deadLetter ? [deadLetterSpec(topic)] : []),
      ...retries,
    ];
  });
  return [...new Map(specs.map((spec) => [spec.name, spec])).values()];
}

/** What is to be done, and what differs. @param found what the cluster has, in the order of `wanted` */
export function planProvision(
  wanted: readonly TopicSpec[],
  found: readonly (TopicDescription | undefined)[],
  raisePartitions: boolean,
): ProvisionStep[] {
  return wanted.flatMap((spec, i) => {
    const actual = found[i];
    if (!actual) return [{ kind: 'create', topic: spec.name, spec }];
    const steps = [...partitionSteps(spec, actual, raisePartitions), ...driftSteps(spec, actual)];
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

/** What a moved message needs as much as the first one did, with room for its new headers. */
function movedConfig({ config }: AnyTopic): Record<string, string> {
  const minimum = config['min.insync.replicas'];
  const largest = config['max.message.bytes'];
  return {
    ...(minimum !== undefined && { 'min.insync.replicas': minimum }),
    ...(largest !== undefined && {
      'max.message.bytes': String(Number(largest) + MOVE_HEADER_BYTES),
    }),
  };
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
    .filter(([, wanted, value]) => wanted !== value)
    .map(([key, wanted, value]) => ({ kind: 'drift', topic, key, wanted, actual: value }));
}
