import diagnostics from 'node:diagnostics_channel';

/** What observers of the process see of a component. */
export interface Component {
  readonly kind: string;
  readonly name: string;
  readonly stats: () => object;
}

const key = Symbol.for('shopgpt.components');

/**
 * Puts a component into the process-wide set (weakly: the caller must hold on to it) and says so on
 * the channel `shopgpt:component`. Returns a function that takes it out.
 */
export function announce(component: Component): () => void {
  const registry = globalThis as { [key]?: Set<WeakRef<Component>> };
  registry[key] ??= new Set();
  const all = registry[key];
  for (const ref of all) if (!ref.deref()) all.delete(ref);
  const ref = new WeakRef(component);
  all.add(ref);
  diagnostics.channel('shopgpt:component').publish(component);
  return () => all.delete(ref);
}
