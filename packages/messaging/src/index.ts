export type { Clock } from './clock.ts';
export type { CloseOptions } from './close-options.ts';
export type { Sent } from './delivery.ts';
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
export {
  type Classify,
  type ConsumerErrorCode,
  type FailureKind,
  FatalError,
  HandlerTimeoutError,
  PartitionLostError,
  PoisonError,
  RetryableError,
} from './failures.ts';
export type { BatchHandler, Handler } from './handlers.ts';
export { headerNames, type MessageHeaders } from './headers.ts';
export type { MessagingHealth } from './health.ts';
export type { Order } from './lanes.ts';
export type {
  BatchContext,
  BatchMessage,
  CallContext,
  MessageContext,
  MessageInfo,
} from './message-context.ts';
export {
  createMessaging,
  type Messaging,
  type MessagingOptions,
  type MessagingStats,
} from './messaging.ts';
export type { Middleware } from './middleware.ts';
export { murmur2, partitionForKey } from './murmur2.ts';
export type { ProducerStats } from './producer.ts';
export type { ProducerOptions, SendQueueOptions } from './producer-options.ts';
export type { ProvisionOptions, ProvisionPlan } from './provision.ts';
export type { ProvisionStep } from './provision-plan.ts';
export type { RawHeader, RawRecord, StoredRecord, TopicPartition } from './record.ts';
export type { SendOptions } from './sender.ts';
export type { From, SubscribeBatchOptions, SubscribeOptions } from './subscribe-options.ts';
export type { Subscription, SubscriptionHealth, SubscriptionStats } from './subscription.ts';
export {
  type AnyTopic,
  type CodecContext,
  defineTopic,
  type MessageKey,
  type Topic,
  type TopicOptions,
  type TopicRetry,
} from './topic.ts';
