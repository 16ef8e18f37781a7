/** A cache, a breaker ... as the packages show themselves: numbers under a kind and a name. */
export interface ComponentNumbers {
  readonly kind: string;
  readonly name: string;
  readonly stats: object;
}

interface Component {
  readonly kind: string;
  readonly name: string;
  stats(): object;
}

const set = Symbol.for('shopgpt.components');

/** The numbers of every component that lives in this process, sorted by kind and name. */
export function componentNumbers(): ComponentNumbers[] {
  const shared = globalThis as { [key: symbol]: Set<WeakRef<Component>> | undefined };
  return [...(shared[set] ?? [])]
    .flatMap((reference) => reference.deref() ?? [])
    .map((component) => ({
      kind: component.kind,
      name: component.name,
      stats: component.stats(),
    }))
    .sort((a, b) => `${a.kind} ${a.name}`.localeCompare(`${b.kind} ${b.name}`));
}
