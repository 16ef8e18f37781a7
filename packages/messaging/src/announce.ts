import { channel } from 'node:diagnostics_channel';

/** What observers of the process see of a component. */
export interface Component {
  readonly kind: string;
  readonly name: string;
  readonly stats: () => object;
}

type Registry = Set<WeakRef<Component>>;

const key = Symbol.for('shopgpt.components');
const shared = globalThis as { [key]?: Registry };
const announced = channel('shopgpt:component');
const forgotten = new FinalizationRegistry<WeakRef<Component>>((ref) => shared[key]?.delete(ref));

/**
 * Puts a component into the process-wide set (weakly: the owner must hold on to it) and says so on the
 * channel `shopgpt:component`. Returns a function that takes it out.
 */
export function announce(component: Component): () => void {
  shared[key] ??= new Set();
  const ref = new WeakRef(component);
  shared[key].add(ref);
  forgotten.register(component, ref);
  if (announced.hasSubscribers) announced.publish(component);
  return () => {
    shared[key]?.delete(ref);
  };
}
