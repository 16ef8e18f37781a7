import type { z } from 'zod';
import { type FieldError, ProblemError } from './problem.ts';

const maxShown = 100;
const maxErrors = 20;
const secret = /pass|secret|token|key|auth|credential/i;

/**
 * What a request sent, checked and cleaned by a schema.
 *
 * @param where what the input is, for errors about the whole of it: `body`, `query` ...
 * @throws ProblemError 400 that names every wrong field and its value
 */
export function valid<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  where: string,
): z.output<Schema> {
  const result = schema.safeParse(input, { error: message });
  if (result.success) return result.data;
  const errors = result.error.issues.flatMap((issue) => fieldErrors(issue, input, where));
  throw invalid(errors.slice(0, maxErrors));
}

/** A 400 about fields. */
export function invalid(errors: readonly FieldError[]): ProblemError {
  return new ProblemError({
    status: 400,
    kind: 'invalid-input',
    title: 'Invalid input',
    detail: errors.map(sentence).join('; '),
    errors,
  });
}

/** A field and what is wrong with its value, ready to be shown. */
export function fieldError(field: string, detail: string, value: unknown): FieldError {
  return value === undefined ? { field, detail } : { field, detail, value: shown(field, value) };
}

function fieldErrors(issue: z.core.$ZodIssue, input: unknown, where: string): FieldError[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const field = cut([...path, key].join('.'));
      return fieldError(field, 'is not known', at(input, [...path, key]));
    });
  }
  if (path.length === 0) return [{ field: where, detail: issue.message }];
  return [fieldError(path.join('.'), issue.message, at(input, path))];
}

function message(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'invalid_type') return undefined;
  return issue.input === undefined ? 'is required' : `must be of type ${issue.expected}`;
}

function sentence({ field, detail, value }: FieldError): string {
  return value === undefined
    ? `${field} ${detail}`
    : `${field} ${detail}, got ${JSON.stringify(value)}`;
}

function at(input: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, name) =>
      typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined,
    input,
  );
}

/** What may be shown of a value. Of an object its kind only: it may be deep, and hold a secret. */
function shown(field: string, value: unknown): unknown {
  if (secret.test(field)) return '***';
  if (typeof value === 'string') return cut(value);
  if (typeof value !== 'object' || value === null) return value;
  return Array.isArray(value) ? 'an array' : 'an object';
}

function cut(text: string): string {
  return text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
}
