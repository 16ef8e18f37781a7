import { type Driver, headerNames } from '@shopgpt/messaging';
import { headerText } from '../../src/topics/headers.ts';
import type { Entry } from './journal.ts';
import { type Work, work } from './work.ts';

/** A dead letter, and whose it is. */
export interface Letter extends Work {
  readonly group: string | undefined;
  readonly originalPartition: number;
  readonly originalOffset: number;
}

/** What is committed although it could not be handled and is no dead letter. */
export function missingLetters(
  entries: readonly Entry[],
  committed: readonly (number | undefined)[],
  letters: readonly Letter[],
): Entry[] {
  const written = new Set(letters.map((one) => `${one.originalPartition} ${one.originalOffset}`));
  return entries.filter(
    ({ kind, partition, offset }) =>
      kind === 'poisoned' &&
      offset < (committed[partition] ?? 0) &&
      !written.has(`${partition} ${offset}`),
  );
}

/** All dead letters of a topic. */
export async function lettersOf({ admin }: Driver, topic: string): Promise<Letter[]> {
  const dlq = `${topic}.dlq`;
  const [end = 0] = await admin.offsets(dlq, 'latest');
  const letters: Letter[] = [];
  for (let offset = 0; offset < end; ) {
    const records = await admin.read({ topic: dlq, partition: 0, offset });
    for (const { value, headers } of records) {
      letters.push({
        ...work.parse(JSON.parse(Buffer.from(value ?? []).toString())),
        group: headerText(headers, headerNames.group),
        originalPartition: Number(headerText(headers, headerNames.originalPartition)),
        originalOffset: Number(headerText(headers, headerNames.originalOffset)),
      });
    }
    offset = (records.at(-1)?.offset ?? end) + 1;
  }
  return letters;
}
