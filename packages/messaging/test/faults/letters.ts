import { type Driver, headerNames } from '@shopgpt/messaging';
import { headerText } from '../../src/topics/headers.ts';
import { type Work, work } from './work.ts';

/** A dead letter, and whose it is. */
export interface Letter extends Work {
  readonly group: string | undefined;
  readonly originalPartition: number;
  readonly originalOffset: number;
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
