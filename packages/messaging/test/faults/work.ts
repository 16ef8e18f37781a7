import { defineTopic, type Topic } from '@shopgpt/messaging';
import { z } from 'zod';

/** A message: the numbers of a key have no gaps. */
export interface Work {
  readonly key: string;
  readonly n: number;
  /** Makes it large. */
  readonly pad?: string | undefined;
}

export const work: z.ZodType<Work, Work> = z.object({
  key: z.string(),
  n: z.number(),
  pad: z.string().optional(),
});

/** Every tenth can never be handled. */
export function isPoison({ n }: Work): boolean {
  return n % 10 === 9;
}

/** Every tenth fails once. */
export function isShaky({ n }: Work): boolean {
  return n % 10 === 4;
}

export function workTopic(
  name: string,
  partitions: number,
  config: Readonly<Record<string, number>> = {},
): Topic<Work> {
  return defineTopic({
    name,
    partitions,
    replicationFactor: 3,
    config,
    schema: work,
    key: ({ key }) => key,
    retry: { attempts: 3, backoffMs: 20 },
  });
}
