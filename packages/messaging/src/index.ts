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
  DriverError,
  type DriverErrorOptions,
  type MessagingErrorCode,
  UnknownTopicError,
} from './errors.ts';
export type { RawHeader, RawRecord, StoredRecord, TopicPartition } from './record.ts';
