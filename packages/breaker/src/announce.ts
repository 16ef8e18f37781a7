import { channel } from 'node:diagnostics_channel';

/** What telemetry needs to know of a component; see `stats()` of each. */
export interface Component {
  readonly kind: string;
  readonly name: string;
  stats(): object;
}

const announced = channel('shopgpt:component');
const forgotten = new FinalizationRegistry<WeakRef<Component>>((ref) => {
  components().delete(ref);
});

/** Lets telemetry find the component for as long as somebody holds it. */
export function announce(component: Component): void {
  const ref = new WeakRef(component);
  components().add(ref);
  forgotten.register(component, ref);
  if (announced.hasSubscribers) announced.publish(component);
}

/** One set for the whole process, whichever package (or copy of one) comes first. */
function components(): Set<WeakRef<Component>> {
  const shared = globalThis as { [key: symbol]: Set<WeakRef<Component>> | undefined };
  const key = Symbol.for('shopgpt.components');
  const set = shared[key] ?? new Set();
  shared[key] = set;
  return set;
}
