import type { SubscriptionHealth } from './consuming/subscription.ts';

/** How messaging does. */
export interface MessagingHealth {
  /**
   * `starting`: a subscription has no partition yet. `degraded`: something is wrong that it goes on trying to
   * overcome. `down`: it is closed, or a handler threw a `FatalError`.
   */
  readonly status: 'up' | 'starting' | 'degraded' | 'down';
  /** What is wrong, in words. */
  readonly reasons: readonly string[];
  readonly subscriptions: readonly SubscriptionHealth[];
}

/** The health of the whole, from that of its parts. */
export function overallHealth(
  isClosed: boolean,
  producerTroubles: readonly string[],
  subscriptions: readonly SubscriptionHealth[],
): MessagingHealth {
  if (isClosed) return { status: 'down', reasons: ['it is closed'], subscriptions };
  const told = subscriptions.flatMap(({ topic, group, reasons }) =>
    reasons.map((reason) => `${topic} (${group}): ${reason}`),
  );
  const reasons = [...producerTroubles, ...told];
  return { status: statusOf(reasons, subscriptions), reasons, subscriptions };
}

function statusOf(
  reasons: readonly string[],
  subscriptions: readonly SubscriptionHealth[],
): MessagingHealth['status'] {
  // One that was stopped on purpose has nothing to complain about.
  if (subscriptions.some(({ status, reasons }) => status === 'down' && reasons.length > 0)) {
    return 'down';
  }
  if (reasons.length > 0) return 'degraded';
  return subscriptions.some(({ status }) => status === 'starting') ? 'starting' : 'up';
}
