// Loaded before an example, this gives it a real Kafka where it asks for the broker in memory.
import { registerHooks } from 'node:module';

const onKafka = new URL('./memory-on-kafka.child.ts', import.meta.url).href;

registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier === '@shopgpt/messaging/memory' ? onKafka : specifier, context),
});
