import type { DriverAdmin, Position } from '../driver.ts';
import { DriverError } from '../errors.ts';
import { reasonOf } from './failures.ts';
import type { From } from './subscribe-options.ts';

/** The offset of each partition where that is. */
async function positionsAt(admin: DriverAdmin, topic: string, from: From): Promise<Position[]> {
  const offsets = await offsetsAt(admin, topic, from);
  return offsets.map((offset, partition) => ({ topic, partition, offset }));
}

/** As `positionsAt`, but a partition that `offsets` does not name stays where it is. */
export async function replayPositions(
  admin: DriverAdmin,
  topic: string,
  from: From,
): Promise<Position[]> {
  const positions = await positionsAt(admin, topic, from);
  if (typeof from === 'string' || 'timestamp' in from) return positions;
  return positions.filter(({ partition }) => from.offsets[partition] !== undefined);
}

async function offsetsAt(
  admin: DriverAdmin,
  topic: string,
  from: From,
): Promise<readonly number[]> {
  if (typeof from === 'string') return admin.offsets(topic, from);
  if ('timestamp' in from) return admin.offsets(topic, from.timestamp);
  const earliest = await admin.offsets(topic, 'earliest');
  return earliest.map((first, partition) => from.offsets[partition] ?? first);
}

/**
 * Commits where a group begins before its first member joins. Doing that once, rather than letting each
 * member begin there for lack of an offset, loses nothing when a member dies before its first commit, and
 * nothing that is written to a partition added later.
 */
export async function beginAt(
  admin: DriverAdmin,
  group: string,
  topic: string,
  from: From,
): Promise<void> {
  if (from === 'earliest') return;
  const committed = await admin.committed(group, topic);
  if (committed.some((offset) => offset !== undefined)) return;
  const positions = await positionsAt(admin, topic, from);
  try {
    await admin.setCommitted(group, positions);
  } catch (cause) {
    const why =
      `where the group "${group}" begins in "${topic}" cannot be set (while it has members of other topics it ` +
      `never can: give this subscription a group of its own, or begin at 'earliest'): ${reasonOf(cause)}`;
    throw new DriverError(why, { isRetriable: true, cause });
  }
}
