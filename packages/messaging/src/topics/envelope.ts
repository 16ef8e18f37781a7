import type { StandardSchemaV1 } from '@standard-schema/spec';
import { show } from '../check.ts';
import { SchemaError, type SchemaIssue } from '../errors.ts';
import type { RawHeader, RawRecord } from '../record.ts';
import { headerNames, headerText, type MessageHeaders, rawHeaders, textHeader } from './headers.ts';
import { jsonPitfall, pathText } from './json.ts';
import type { AnyTopic, MessageKey, Topic } from './topic.ts';

/** A message as it is written, but for the time and what headers others add. */
export interface EncodedMessage {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: RawHeader[];
}

/** What a sender says beside the message. */
export interface EncodeOptions {
  /** Instead of what the topic's `key` gives; null for none. A tombstone (a message that is `null`) needs it. */
  readonly key?: MessageKey;
  /** Headers beside those that messaging writes. */
  readonly headers?: MessageHeaders;
}

/**
 * Validates a message and makes its bytes; what is written is what was given, not what the schema makes
 * of it, since who reads it applies the schema again. `null` is a tombstone, where the schema allows it.
 *
 * @throws SchemaError; TypeError for a bad key or header; whatever the topic's `key` and schema throw
 */
export async function encodeMessage<Input>(
  topic: Topic<unknown, Input>,
  message: NoInfer<Input>,
  options: EncodeOptions = {},
): Promise<EncodedMessage> {
  return encode(topic, message, options);
}

/** As `encodeMessage`, at once where schema and encoder answer at once: that is most of the time of a send. */
export function encode(
  topic: AnyTopic,
  message: unknown,
  options: EncodeOptions,
): EncodedMessage | Promise<EncodedMessage> {
  const result = topic.schema['~standard'].validate(message);
  if (result instanceof Promise) {
    return result.then((settled) => encodeValid(topic, message, settled, options));
  }
  return encodeValid(topic, message, result, options);
}

/**
 * Reads a message: decodes it, brings it to the topic's version, validates it. Gives what the schema makes of it.
 *
 * @throws SchemaError
 */
export async function decodeMessage<Message>(
  topic: Topic<Message, unknown>,
  record: Pick<RawRecord, 'value' | 'headers'>,
): Promise<Message> {
  return decode(topic, record);
}

/** As `decodeMessage`, at once where the message is of today's version, in JSON, and its schema answers at once. */
export function decode<Message>(
  topic: Topic<Message, unknown>,
  { value, headers }: Pick<RawRecord, 'value' | 'headers'>,
): Message | Promise<Message> {
  const version = versionOf(topic, headers);
  if (value === null) return validated(topic, null);
  if (topic.decode || version < topic.version) return decodedInSteps(topic, value, version);
  return validated(topic, parsed(topic, value));
}

async function decodedInSteps<Message>(
  topic: Topic<Message, unknown>,
  value: Uint8Array,
  version: number,
): Promise<Message> {
  const written = topic.decode ? await decodedBy(topic, value, version) : parsed(topic, value);
  return validated(topic, written === null ? null : await upgraded(topic, written, version));
}

type Validation<Message> = StandardSchemaV1.Result<Message>;

function validated<Message>(
  topic: Topic<Message, unknown>,
  message: unknown,
): Message | Promise<Message> {
  const result = validation(topic, message);
  if (!(result instanceof Promise)) return accepted(topic, result);
  return result.then((settled) => accepted(topic, settled));
}

/** A schema that throws refuses. */
function validation<Message>(
  topic: Topic<Message, unknown>,
  message: unknown,
): Validation<Message> | Promise<Validation<Message>> {
  const refuse = (cause: unknown): never => {
    throw new SchemaError(topic.name, 'invalid', `the schema threw: ${text(cause)}`, { cause });
  };
  try {
    const result = topic.schema['~standard'].validate(message);
    return result instanceof Promise ? result.catch(refuse) : result;
  } catch (cause) {
    return refuse(cause);
  }
}

function encodeValid(
  topic: AnyTopic,
  message: unknown,
  result: StandardSchemaV1.Result<unknown>,
  { key, headers }: EncodeOptions,
): EncodedMessage | Promise<EncodedMessage> {
  const valid = accepted(topic, result);
  const raw = headers ? rawHeaders(headers) : [];
  if (topic.version > 1) raw.push(textHeader(headerNames.version, topic.version));
  const keyBytes = bytesOf(topic, key === undefined ? keyOf(topic, message, valid) : key);
  if (message === null) return tombstone(topic, keyBytes, raw);
  if (!topic.encode) return { key: keyBytes, value: jsonBytes(topic, message), headers: raw };
  return encodedBy(topic, message, keyBytes, raw);
}

/** A tombstone has nothing that a key could be made of. */
function keyOf(topic: AnyTopic, message: unknown, valid: unknown): MessageKey {
  return message === null ? null : topic.key(valid);
}

function tombstone(topic: AnyTopic, key: Uint8Array | null, headers: RawHeader[]): EncodedMessage {
  if (!key) throw new TypeError(`a tombstone for "${topic.name}" needs a key in the options`);
  return { key, value: null, headers };
}

async function encodedBy(
  topic: AnyTopic,
  message: unknown,
  key: Uint8Array | null,
  headers: RawHeader[],
): Promise<EncodedMessage> {
  const context = { topic: topic.name, version: topic.version };
  try {
    const value = await topic.encode?.(message, context);
    if (value instanceof Uint8Array) return { key, value, headers };
    throw new TypeError(`encode must give bytes, got ${show(value)}`);
  } catch (cause) {
    throw new SchemaError(topic.name, 'unencodable', `encode failed: ${text(cause)}`, { cause });
  }
}

function jsonBytes(topic: AnyTopic, message: unknown): Uint8Array {
  const pitfall = jsonPitfall(message);
  if (!pitfall) return Buffer.from(JSON.stringify(message));
  const why = `${pitfall.path} ${pitfall.message}`;
  throw new SchemaError(topic.name, 'unencodable', why, { issues: [pitfall] });
}

function bytesOf(topic: AnyTopic, key: MessageKey): Uint8Array | null {
  if (typeof key === 'string') return Buffer.from(key);
  if (key === null || key === undefined) return null;
  if (key instanceof Uint8Array) return key;
  throw new TypeError(`a key of "${topic.name}" must be text, bytes or null, got ${show(key)}`);
}

function versionOf(topic: AnyTopic, headers: RawRecord['headers']): number {
  const header = headerText(headers, headerNames.version);
  if (header === undefined) return 1;
  if (!/^[1-9]\d{0,8}$/.test(header)) {
    const why = `header ${headerNames.version} must be a version from 1 up, got ${show(header)}`;
    throw new SchemaError(topic.name, 'undecodable', why);
  }
  const version = Number(header);
  if (version <= topic.version) return version;
  throw new SchemaError(
    topic.name,
    'newer',
    `the message is of version ${version}, and this process knows ${topic.version} at most: ` +
      'let consumers know a new version before producers write it, then replay the dead letters',
  );
}

function parsed(topic: AnyTopic, bytes: Uint8Array): unknown {
  try {
    return JSON.parse(bufferOf(bytes).toString());
  } catch (cause) {
    throw undecodable(topic, cause);
  }
}

/** What a driver gives is one already, as a rule. */
function bufferOf(bytes: Uint8Array): Buffer {
  if (bytes instanceof Buffer) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function decodedBy(topic: AnyTopic, bytes: Uint8Array, version: number): Promise<unknown> {
  try {
    return await topic.decode?.(bytes, { topic: topic.name, version });
  } catch (cause) {
    throw undecodable(topic, cause);
  }
}

function undecodable(topic: AnyTopic, cause: unknown): SchemaError {
  const why = `the bytes cannot be decoded: ${text(cause)}`;
  return new SchemaError(topic.name, 'undecodable', why, { cause });
}

async function upgraded(topic: AnyTopic, message: unknown, from: number): Promise<unknown> {
  let current = message;
  for (let version = from; version < topic.version; version += 1) {
    const upcaster = topic.upgrade.get(version);
    if (!upcaster) {
      const why = `the message is of version ${from}, and there is no upgrade from ${version}`;
      throw new SchemaError(topic.name, 'outdated', why);
    }
    try {
      current = await upcaster(current);
    } catch (cause) {
      const why = `the upgrade from version ${version} failed: ${text(cause)}`;
      throw new SchemaError(topic.name, 'outdated', why, { cause });
    }
  }
  return current;
}

function accepted<Message>(
  topic: Topic<Message, unknown>,
  result: StandardSchemaV1.Result<Message>,
): Message {
  if (!result.issues) return result.value;
  const issues = result.issues.map(readable);
  const [first = { path: 'message', message: 'is refused' }] = issues;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  const why = `${first.path}: ${first.message}${more}`;
  throw new SchemaError(topic.name, 'invalid', why, { issues });
}

function readable({ path = [], message }: StandardSchemaV1.Issue): SchemaIssue {
  const keys = path.map((part) => (typeof part === 'object' ? part.key : part));
  return { path: pathText(keys), message };
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
