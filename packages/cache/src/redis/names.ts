// No name of a cache begins with `~`, so these are neither values nor tracked. The braces in the key
// keep what belongs to it in one slot of a Cluster.

/** Where the lease on a key is. */
export function leaseOf(key: string): string {
  return `~${key}`;
}

/** Where a value is put that is about to be moved to the key. */
export function stagingOf(key: string): string {
  return `~~${key}`;
}
