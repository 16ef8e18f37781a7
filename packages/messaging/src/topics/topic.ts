import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
  checkCount,
  checkFlag,
  checkKnown,
  checkMs,
  checkObject,
  checkOptionalFunction,
  show,
} from '../check.ts';

/** A message's key as a topic gives it; none when it is null or undefined. */
export type MessageKey = string | Uint8Array | null | undefined;

/** What `encode` and `decode` of a topic are told. */
export interface CodecContext {
  readonly topic: string;
  /** The version of the shape that the bytes have. */
  readonly version: number;
}

/** How often and when a message whose handler failed is tried again. */
export interface TopicRetry {
  /** All calls of the handler, the first included. Default 3. */
  readonly attempts?: number;
  /** How long to wait before the second call, the third, ..., in ms; the last one repeats. Default `[1_000, 10_000]`. */
  readonly backoffMs?: number | readonly number[];
  /**
   * False (the default): the message waits in its place, and so do later ones of its key. True: it
   * waits in a topic of its own, and later messages of its key overtake it.
   */
  readonly topics?: boolean;
}

/** Reads a message of one version and gives it as the next one has it. */
type Upcaster = { upgrade(old: unknown): unknown }['upgrade'];

/** What `defineTopic` takes. */
export interface TopicOptions<Schema extends StandardSchemaV1> {
  /** Letters, digits, `.`, `_` and `-`, 249 at most, with the names made of it (`.dlq`). */
  readonly name: string;
  /** How many partitions it has. To raise it later moves keys to other partitions. */
  readonly partitions: number;
  /** On how many brokers each partition is kept. Default: what the cluster says. */
  readonly replicationFactor?: number;
  /** Any Standard Schema (zod, valibot, arktype, ...): its input is what is sent and written, its output what is handled. */
  readonly schema: Schema;
  /** Messages with the same key keep their order. Given the schema's output. Default: no key. */
  readonly key?: (message: StandardSchemaV1.InferOutput<Schema>) => MessageKey;
  /** Version of the messages' shape, from 1 up; written into a header when above 1. Default 1. */
  readonly version?: number;
  /** For each older version that may still be read: how a message of it becomes one of the next version. Default: none. */
  readonly upgrade?: Readonly<Record<number, Upcaster>>;
  /** What happens when a handler fails. Default: what each of its options says. */
  readonly retry?: TopicRetry;
  /** Whether what cannot be handled goes to the topic `<name>.dlq`. Default true. False: it is tried again for ever, and its key waits. */
  readonly deadLetter?: boolean;
  /** The topic's configuration on the brokers, e.g. `{ 'retention.ms': 604_800_000 }`. Default: what the cluster says. */
  readonly config?: Readonly<Record<string, string | number | boolean>>;
  /** How a message becomes bytes. Default JSON. Needs `decode`. */
  readonly encode?: (
    message: StandardSchemaV1.InferInput<Schema>,
    context: CodecContext,
  ) => Uint8Array | Promise<Uint8Array>;
  /** How bytes become what the upcasters and then the schema are given. Default JSON. Needs `encode`. */
  readonly decode?: (bytes: Uint8Array, context: CodecContext) => unknown;
}

/** A topic with every default in its place; made by `defineTopic`. */
export interface Topic<Message, Input = Message> {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number | undefined;
  readonly config: Readonly<Record<string, string>>;
  readonly retry: {
    readonly attempts: number;
    /** One for each wait; the last one repeats. */
    readonly backoffMs: readonly number[];
    readonly topics: boolean;
  };
  readonly deadLetter: boolean;
  readonly version: number;
  readonly schema: StandardSchemaV1<Input, Message>;
  // Methods, so that a topic of one message is also a topic of `unknown`.
  /** The key of a message. */
  key(message: Message): MessageKey;
  /** By version: what makes a message of the next one. */
  readonly upgrade: ReadonlyMap<number, (old: unknown) => unknown>;
  encode?(message: Input, context: CodecContext): Uint8Array | Promise<Uint8Array>;
  decode?(bytes: Uint8Array, context: CodecContext): unknown;
}

/** What is known of a topic without its messages. */
export type AnyTopic = Topic<unknown, unknown>;

const known = [
  'name',
  'partitions',
  'replicationFactor',
  'schema',
  'key',
  'version',
  'upgrade',
  'retry',
  'deadLetter',
  'config',
  'encode',
  'decode',
];

/**
 * Describes a topic, once, for those who send to it and those who subscribe to it.
 *
 * @throws TypeError or RangeError that names the option and its value
 */
export function defineTopic<Schema extends StandardSchemaV1>(
  options: TopicOptions<Schema>,
): Topic<StandardSchemaV1.InferOutput<Schema>, StandardSchemaV1.InferInput<Schema>> {
  checkKnown('defineTopic', options, known);
  const { name, partitions, replicationFactor, schema, key } = options;
  const { version = 1, deadLetter = true, encode, decode } = options;
  checkFlag('deadLetter', deadLetter);
  checkTopicName('name', name, deadLetter ? deadLetterTopic(name) : name);
  checkCount('partitions', partitions);
  if (replicationFactor !== undefined) checkCount('replicationFactor', replicationFactor);
  checkCount('version', version);
  checkSchema(schema);
  for (const [field, value] of Object.entries({ key, encode, decode })) {
    checkOptionalFunction(field, value);
  }
  if (!encode !== !decode) {
    throw new TypeError(`encode and decode go together, got only ${encode ? 'encode' : 'decode'}`);
  }
  return Object.freeze({
    name,
    partitions,
    replicationFactor,
    config: configOf(options.config),
    retry: retryOf(options.retry),
    deadLetter,
    version,
    schema,
    key: key ?? (() => null),
    upgrade: upcasters(options.upgrade, version),
    ...(encode && decode && { encode, decode }),
  });
}

/** Where the messages of a topic go that nobody can handle. */
export function deadLetterTopic(name: string): string {
  return `${name}.dlq`;
}

/** Where messages of a topic wait for their next attempt. @param step from 1 up, one for each time to wait */
export function retryTopic(name: string, group: string, step: number): string {
  return `${name}.${group}.retry.${step}`;
}

/** Kafka's own rules for names. @param longest the longest name made of it */
export function checkTopicName(field: string, name: unknown, longest: string): void {
  const isName = typeof name === 'string' && /^[\w.-]+$/.test(name) && !/^\.{1,2}$/.test(name);
  if (!isName) {
    const rule = "letters, digits, '.', '_' and '-', and neither '.' nor '..'";
    throw new TypeError(`${field} must be made of ${rule}, got ${show(name)}`);
  }
  if (longest.length <= 249) return;
  throw new RangeError(
    `${field} is too long: ${show(longest)} has ${longest.length} characters, and a topic at most 249`,
  );
}

/**
 * By its shape, since two copies of this package may know the same topic. What `defineTopic` is given, or the
 * name alone, is no topic.
 *
 * @throws TypeError when it is none
 */
export function checkTopic(topic: unknown, field = 'topic'): asserts topic is AnyTopic {
  if (typeof Object(topic).upgrade?.get === 'function') return;
  throw new TypeError(`${field} must come from defineTopic(), got ${show(topic)}`);
}

function checkSchema(schema: unknown): void {
  const standard: unknown = Object(schema)['~standard'];
  if (typeof Object(standard)['validate'] === 'function') return;
  throw new TypeError(`schema must be a Standard Schema, got ${show(schema)}`);
}

function configOf(config: TopicOptions<StandardSchemaV1>['config'] = {}): Record<string, string> {
  checkObject('config', config);
  const entries = Object.entries(config).map(([name, value]) => {
    if (!['string', 'number', 'boolean'].includes(typeof value) || Number.isNaN(value)) {
      throw new TypeError(`config["${name}"] must be text, number or boolean, got ${show(value)}`);
    }
    return [name, String(value)];
  });
  return Object.freeze(Object.fromEntries(entries));
}

function retryOf(retry: TopicRetry = {}): Topic<unknown>['retry'] {
  checkKnown('retry', retry, ['attempts', 'backoffMs', 'topics']);
  const { attempts = 3, backoffMs = [1_000, 10_000], topics = false } = retry;
  checkCount('retry.attempts', attempts);
  checkFlag('retry.topics', topics);
  const waits: readonly number[] = Array.isArray(backoffMs) ? [...backoffMs] : [backoffMs];
  if (waits.length === 0)
    throw new RangeError('retry.backoffMs must have a time to wait, got none');
  for (const ms of waits) checkMs('retry.backoffMs', ms, 0);
  return Object.freeze({ attempts, backoffMs: Object.freeze(waits), topics });
}

function upcasters(
  upgrade: TopicOptions<StandardSchemaV1>['upgrade'] = {},
  version: number,
): Map<number, Upcaster> {
  checkObject('upgrade', upgrade);
  return new Map(
    Object.entries(upgrade).map(([from, upcaster]) => {
      const isOlder = /^[1-9]\d*$/.test(from) && Number(from) < version;
      if (!isOlder) {
        throw new RangeError(
          `upgrade must be by versions from 1 to ${version - 1}, older than version ${version}, got ${from}`,
        );
      }
      checkOptionalFunction(`upgrade[${from}]`, upcaster ?? null);
      return [Number(from), upcaster];
    }),
  );
}
