import { createHmac, timingSafeEqual } from 'node:crypto';

/** Turns the last id of a page into an opaque cursor and back. */
export interface Cursors {
  encode(lastId: string): string;
  /** The id, or `undefined` for anything that `encode` did not make with the same secret. */
  decode(cursor: string): string | undefined;
}

/**
 * Cursors are 16 bytes of id and 16 bytes of HMAC-SHA-256, in base64url. They say where to go on, not how many rows
 * to skip, so rows that come or go in between neither repeat nor hide others.
 *
 * @param secret the same in all replicas; a new one makes old cursors invalid
 */
export function createCursors(secret: string): Cursors {
  // A key of its own: what signs cursors must be of no use for anything else.
  const key = createHmac('sha256', secret).update('user-service cursor').digest();
  const tag = (id: Buffer) => createHmac('sha256', key).update(id).digest().subarray(0, 16);

  return {
    encode: (lastId) => {
      const id = Buffer.from(lastId.replaceAll('-', ''), 'hex');
      return Buffer.concat([id, tag(id)]).toString('base64url');
    },
    decode: (cursor) => {
      const bytes = Buffer.from(cursor, 'base64url');
      // Buffer.from skips what is not base64url; a second spelling of a cursor is no cursor.
      if (bytes.length !== 32 || bytes.toString('base64url') !== cursor) return undefined;
      const id = bytes.subarray(0, 16);
      return timingSafeEqual(tag(id), bytes.subarray(16)) ? id.toString('hex') : undefined;
    },
  };
}
