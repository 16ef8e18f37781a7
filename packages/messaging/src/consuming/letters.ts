import type { RawHeader, RawRecord, StoredRecord, TopicPartition } from '../record.ts';
import { headerNames, headerText, textHeader } from '../topics/headers.ts';
import { codeOf, nameOf, reasonOf } from './failures.ts';

/** Of what an error says of itself, so many characters are kept; its message is cut by `reasonOf`. */
const MAX_NAME_LENGTH = 200;

/** Why, by whom and when a message is moved. */
export interface Move {
  /** In ms since 1970. It is the record's time: with the old one, retention could delete it at once. */
  readonly now: number;
  readonly group: string;
  readonly error: unknown;
  /** How often the handler was called for it. */
  readonly attempts: number;
  /** For a retry topic: when it is due, in ms since 1970. */
  readonly notBefore?: number;
}

const places: ReadonlySet<string> = new Set([
  headerNames.originalTopic,
  headerNames.originalPartition,
  headerNames.originalOffset,
  headerNames.originalTimestamp,
]);
const moves: ReadonlySet<string> = new Set([
  headerNames.group,
  headerNames.attempts,
  headerNames.errorName,
  headerNames.errorMessage,
  headerNames.errorCode,
  headerNames.notBefore,
]);

/**
 * The record for a retry or dead-letter topic: key, value and headers are the original bytes. Where it
 * first came from stays as it is when it is moved again.
 */
export function moved(from: TopicPartition, record: StoredRecord, move: Move): RawRecord {
  const isFirst = headerText(record.headers, headerNames.originalTopic) === undefined;
  const kept = record.headers.filter(
    ([name]) => !moves.has(name) && !(isFirst && places.has(name)),
  );
  const place = isFirst ? placeOf(from, record) : [];
  const headers = [...kept, ...place, ...reasonHeaders(move)];
  return { key: record.key, value: record.value, timestamp: move.now, headers };
}

/** The message as it was before it was moved. */
export function restored(record: StoredRecord, now: number): RawRecord {
  const headers = record.headers.filter(([name]) => !moves.has(name) && !places.has(name));
  return { key: record.key, value: record.value, timestamp: now, headers };
}

function placeOf({ topic, partition }: TopicPartition, record: StoredRecord): RawHeader[] {
  return [
    textHeader(headerNames.originalTopic, topic),
    textHeader(headerNames.originalPartition, partition),
    textHeader(headerNames.originalOffset, record.offset),
    textHeader(headerNames.originalTimestamp, record.timestamp),
  ];
}

function reasonHeaders({ group, error, attempts, notBefore }: Move): RawHeader[] {
  const code = codeOf(error);
  const headers = [
    textHeader(headerNames.group, group),
    textHeader(headerNames.attempts, attempts),
    textHeader(headerNames.errorName, nameOf(error).slice(0, MAX_NAME_LENGTH)),
    textHeader(headerNames.errorMessage, reasonOf(error)),
  ];
  if (typeof code === 'string' || typeof code === 'number') {
    headers.push(textHeader(headerNames.errorCode, String(code).slice(0, MAX_NAME_LENGTH)));
  }
  if (notBefore !== undefined) headers.push(textHeader(headerNames.notBefore, notBefore));
  return headers;
}
