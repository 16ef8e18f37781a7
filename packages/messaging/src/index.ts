export type { Clock } from './clock.ts';
export type { CloseOptions } from './close-options.ts';
export type {
  Classify,
  FailureKind,
} from './consuming/failures.ts';
export type { BatchHandler, Handler } from './consuming/handlers.ts';
export type { Order } from './consuming/lanes.ts';
export type {
  BatchContext,
  BatchMessage,
  CallContext,
  MessageContext,
  MessageInfo,
} from './consuming/message-context.ts';
export type { Middleware } from './consuming/middleware.ts';
export type {
  From,
  SubscribeBatchOptions,
  SubscribeOptions,
} from './consuming/subscribe-options.ts';
export type {
  Subscription,
  SubscriptionHealth,
  SubscriptionStats,
} from './consuming/subscription.ts';
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
  DriverError,
  type DriverErrorOptions,
  FatalError,
  HandlerTimeoutError,
  MessageTooLargeError,
  MessagingClosedError,
  type MessagingErrorCode,
  PartitionLostError,
  PoisonError,
  ProvisionRefusedError,
  QueueFullError,
  RetryableError,
  SchemaError,
  type SchemaErrorOptions,
  type SchemaIssue,
  type SchemaProblem,
  SendError,
  type SendErrorOptions,
  UnknownTopicError,
} from './errors.ts';
export type { MessagingHealth } from './health.ts';
export {
  createMessaging,
  type Messaging,
  type MessagingOptions,
  type MessagingStats,
} from './messaging.ts';
export type { Sent } from './producing/delivery.ts';
export type { ProducerStats } from './producing/producer.ts';
export type { ProducerOptions, SendQueueOptions } from './producing/producer-options.ts';
export type { SendOptions } from './producing/sender.ts';
export type { RawHeader, RawRecord, StoredRecord, TopicPartition } from './record.ts';
export {
  decodeMessage,
  type EncodedMessage,
  type EncodeOptions,
  encodeMessage,
} from './topics/envelope.ts';
export { headerNames, type MessageHeaders } from './topics/headers.ts';
export { murmur2, partitionForKey } from './topics/murmur2.ts';
export type { ProvisionOptions, ProvisionPlan } from './topics/provision.ts';
export type { ProvisionStep } from './topics/provision-plan.ts';
export {
  type AnyTopic,
  type CodecContext,
  defineTopic,
  type MessageKey,
  type Topic,
  type TopicOptions,
  type TopicRetry,
} from './topics/topic.ts';
