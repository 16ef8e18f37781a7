import { z } from 'zod';

/** A user as the service stores and answers it. Times are ISO 8601 in UTC. */
export interface User {
  /** UUID version 7: the order of ids is the order of creation. */
  readonly id: string;
  /** Lower case: two spellings of one address are one user. */
  readonly email: string;
  readonly name: string;
  /** Counts changes, from 1. What the ETag shows. */
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

const email = z
  .string()
  .trim()
  .max(254, 'must have at most 254 characters')
  .pipe(z.email('must be an e-mail address').toLowerCase());

const name = z
  .string()
  .trim()
  .min(1, 'must not be empty')
  .max(200, 'must have at most 200 characters')
  .refine(isPrintable, 'must be text without control characters')
  .refine(isVisible, 'must have a character that can be seen');

/** What `POST /users` takes. Unknown fields are refused. */
export const newUser = z.strictObject({ email, name });
export type NewUser = z.infer<typeof newUser>;

/** What `PATCH /users/:id` takes: the fields that change, at least one. */
export const userChanges = z
  .strictObject({ email: email.optional(), name: name.optional() })
  .refine((changes) => Object.keys(changes).length > 0, 'must have at least one of email, name');
export type UserChanges = z.infer<typeof userChanges>;

/** The id in a path. Lower case, so that one user has one cache key. */
export const userParams = z.object({ id: z.guid('must be a UUID').toLowerCase() });

/** The query of `GET /users`. */
export const pageQuery = z.strictObject({
  limit: z
    .string('must be given once')
    .regex(/^[1-9]\d?$|^100$/, 'must be a whole number from 1 to 100')
    .transform(Number)
    .default(20),
  cursor: z.string('must be given once').max(100, 'must be a cursor of this service').optional(),
});

function isPrintable(text: string): boolean {
  return text.isWellFormed() && !/\p{Cc}/u.test(text);
}

/** Spaces, joiners and fillers alone would be a name that nobody sees. */
function isVisible(text: string): boolean {
  return /[^\p{Default_Ignorable_Code_Point}\p{Separator}\p{Mark}]/u.test(text);
}
