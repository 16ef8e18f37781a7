import { z } from 'zod';

/** The message of the tests: `n` grows with every message of a key. */
export const Event = z.object({ key: z.string(), n: z.number() });
