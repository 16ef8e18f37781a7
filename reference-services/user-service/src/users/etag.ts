import type { User } from './model.ts';

/** A strong validator: two answers about a user with one ETag are byte for byte equal. */
export function etagOf({ version }: User): string {
  return `"${version}"`;
}

/**
 * The versions that an `If-Match` header admits, or `undefined` when it admits any. What is no ETag of ours matches
 * nothing.
 */
export function admittedVersions(ifMatch: string | undefined): number[] | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  return ifMatch.split(',').flatMap((etag) => {
    const version = /^"(\d{1,9})"$/.exec(etag.trim())?.[1];
    return version === undefined ? [] : [Number(version)];
  });
}
