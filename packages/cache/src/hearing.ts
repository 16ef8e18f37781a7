import type { Audience, Hearer } from './bus.ts';
import type { Leases } from './leases.ts';
import type { Names } from './names.ts';

/** Who hears it, and in which words. */
export interface HearingParts {
  /** Who must know what has changed. */
  readonly audience: Audience;
  readonly names: Names;
  /** Undefined where nobody waits for other processes. */
  readonly leases: () => Leases | undefined;
}

/** What is heard of L2, for those who have its values and for those who wait for one. */
export function hearingOf({ audience, names, leases }: HearingParts): Hearer {
  return {
    ...audience,
    changed: (keys) => {
      wakeFor(keys, names, leases());
      audience.changed(keys);
    },
    expired: (keys) => {
      wakeFor(keys, names, leases());
      audience.expired(keys);
    },
    freed: (freed) => leases()?.wake(freed),
    touched: (touched) => tellTouched(touched, names, audience),
    distrust: () => {
      leases()?.wake();
      audience.distrust();
    },
  };
}

/** A change of a key ends the lease on it: who waits for that asks again. */
export function wakeFor(keys: readonly string[], names: Names, leases: Leases | undefined): void {
  if (leases?.isAwaited) leases.wake(keys.map((key) => names.ofKey(key)));
}

/** Somebody has changed what L2 has under these names. A tag whose id is lost, or another one, is over. */
function tellTouched(touched: readonly string[], names: Names, audience: Audience): void {
  const keys: string[] = [];
  for (const name of touched) {
    const meaning = names.meaning(name);
    if (meaning?.kind === 'key') keys.push(meaning.key);
    if (meaning?.kind === 'tag') audience.renewed(meaning.tag);
    if (meaning?.kind === 'some tag') audience.distrust();
  }
  audience.touched(keys);
}
