import { context, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';

const probe = ROOT_CONTEXT.setValue(createContextKey('@shopgpt/messaging probe'), true);
const isProbeActive = (): boolean => context.active() === probe;

/** Whether somebody has set up OpenTelemetry: without that, a message costs nothing here. */
export function isTracing(): boolean {
  return context.with(probe, isProbeActive);
}
