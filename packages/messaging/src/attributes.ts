/**
 * The attributes of our spans: the messaging conventions of OpenTelemetry (semantic-conventions 1.45),
 * which are given as text there and would be a dependency for their names alone.
 */
export const attributeNames = {
  system: 'messaging.system',
  operationName: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  clientId: 'messaging.client.id',
  topic: 'messaging.destination.name',
  partition: 'messaging.destination.partition.id',
  offset: 'messaging.kafka.offset',
  key: 'messaging.kafka.message.key',
  tombstone: 'messaging.kafka.message.tombstone',
  bodySize: 'messaging.message.body.size',
  group: 'messaging.consumer.group.name',
  batchSize: 'messaging.batch.message_count',
  errorType: 'error.type',
} as const;

/** What is in `error.type`: the code of an error, or else its name. */
export function errorType(error: unknown): string {
  const { code, name } = Object(error) as { readonly code?: unknown; readonly name?: unknown };
  if (typeof code === 'string') return code;
  return typeof name === 'string' ? name : '_OTHER';
}
