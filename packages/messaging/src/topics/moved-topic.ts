import type { TopicDescription, TopicSpec } from '../driver.ts';

/**
 * What the headers of a moved message may add to it, in bytes: two names of topics or groups, places and
 * times take some hundred bytes, and what is said of the error is cut (see `letters.ts`).
 */
export const MOVE_HEADER_BYTES = 16_384;
/** The largest batch of a topic, which one message alone may fill. */
export const MAX_MESSAGE_BYTES_KEY = 'max.message.bytes';
/** What it is where neither the topic nor the cluster says otherwise. */
const KAFKA_MAX_MESSAGE_BYTES = 1_048_588;

/** A topic that is needed. */
export interface NeededTopic {
  readonly spec: TopicSpec;
  /** The topic from which messages are moved to it; undefined when it is none for dead letters or retries. */
  readonly source: TopicSpec | undefined;
}

/**
 * The topic as it is to be: one for moved messages has room for the largest of its source and for what is
 * added to that, unless its own configuration says otherwise.
 *
 * @param found what the cluster has of the source: it knows the largest message where the source does not say
 */
export function withRoom(
  { spec, source }: NeededTopic,
  found: TopicDescription | undefined,
): TopicSpec {
  if (!source || spec.config[MAX_MESSAGE_BYTES_KEY] !== undefined) return spec;
  const said = source.config[MAX_MESSAGE_BYTES_KEY] ?? found?.config[MAX_MESSAGE_BYTES_KEY]?.value;
  const bytes = Number(said ?? KAFKA_MAX_MESSAGE_BYTES) + MOVE_HEADER_BYTES;
  return { ...spec, config: { ...spec.config, [MAX_MESSAGE_BYTES_KEY]: String(bytes) } };
}
