import type { L2 } from './l2.ts';
import { EVERYTHING, type Generation, type Tags } from './tags.ts';

/** What was known of tags when a load began. */
export type Began = Pick<Tags, 'order' | 'endings'>;

/**
 * The tags of a value whose loader named them only while it ran, as they were when it began;
 * undefined when nobody knows whether one of them was invalidated since.
 *
 * @param stamps the tags that were known before
 */
export async function withLateTags(
  stamps: readonly Generation[],
  names: readonly string[],
  began: Began,
  { tags, l2 }: { readonly tags: Tags; readonly l2: L2<unknown> | undefined },
): Promise<readonly Generation[] | undefined> {
  const kept = stamps.filter(({ tag }) => tag === EVERYTHING || names.includes(tag));
  const late = names.filter((name) => !kept.some(({ tag }) => tag === name));
  if (late.length === 0) return kept;
  if (l2) {
    const generations = await l2.stampsSince(began.order, late);
    return generations && [...kept, ...generations];
  }
  if (tags.endings > began.endings) return undefined;
  return [...kept, ...late.map((tag) => tags.assume(tag))];
}
