/** How many bytes the number takes as a zigzag varint. */
export function varintBytes(value: number): number {
  let left = zigzag(value);
  let bytes = 1;
  for (; left >= 0x80; bytes += 1) left = Math.floor(left / 0x80);
  return bytes;
}

/** Writes the number as a zigzag varint; returns the place after it. */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  let left = zigzag(value);
  let place = at;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) {
    target[place] = (left % 0x80) + 0x80;
    place += 1;
  }
  target[place] = left;
  return place + 1;
}

/** Small numbers of both signs become small ones of one sign; exact to 2^52, which times and lengths do not reach. */
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

/** Where reading goes on. */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/** Reads a zigzag varint. */
export function readVarint(cursor: Cursor): number {
  let value = 0;
  let factor = 1;
  for (;;) {
    const byte = cursor.bytes[cursor.at];
    if (byte === undefined) throw new RangeError('a record ends in the middle of a number');
    cursor.at += 1;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) break;
    factor *= 0x80;
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
