export type { Clock } from './clock.ts';
export type {
  Assignment,
  Compression,
  ConsumerListener,
  Driver,
  DriverAdmin,
  DriverConsumer,
  DriverConsumerOptions,
  DriverProducer,
  DriverProducerOptions,
  PartitionQueue,
  PendingRecord,
  Position,
  TopicDescription,
  TopicSpec,
} from './driver.ts';
export {
  decodeMessage,
  type EncodedMessage,
  type EncodeOptions,
  encodeMessage,
} from './envelope.ts';
export {
  DriverError,
  type DriverErrorOptions,
  MessageTooLargeError,
  MessagingClosedError,
  type MessagingErrorCode,
  ProvisionRefusedError,
  QueueFullError,
  SchemaError,
  type SchemaErrorOptions,
  type SchemaIssue,
  type SchemaProblem,
  SendError,
  type SendErrorOptions,
  UnknownTopicError,
} from './errors.ts';
export { headerNames, type MessageHeaders } from './headers.ts';
export { murmur2, partitionForKey } from './murmur2.ts';
export type { RawHeader, RawRecord, StoredRecord, TopicPartition } from './record.ts';
export {
  type AnyTopic,
  type CodecContext,
  defineTopic,
  type MessageKey,
  type Topic,
  type TopicOptions,
  type TopicRetry,
} from './topic.ts';
