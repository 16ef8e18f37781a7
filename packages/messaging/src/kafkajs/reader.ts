/** Reads an answer of Kafka from its beginning to its end. */
export class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int16(): number {
    this.#at += 2;
    return this.#bytes.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#bytes.readInt32BE(this.#at - 4);
  }

  bigint(): bigint {
    this.#at += 8;
    return this.#bytes.readBigInt64BE(this.#at - 8);
  }

  /** 64 bits; exact to 2^53. */
  int64(): number {
    this.#at += 8;
    return readInt64(this.#bytes, this.#at - 8);
  }

  string(): string {
    return this.#take(this.int16()).toString();
  }

  /** Not copied; null counts as none. */
  bytes(): Buffer {
    return this.#take(this.int32());
  }

  /** Null counts as empty. */
  array<T>(read: (reader: Reader) => T): T[] {
    const items: T[] = [];
    for (let left = this.int32(); left > 0; left -= 1) items.push(read(this));
    return items;
  }

  #take(length: number): Buffer {
    const end = this.#at + Math.max(0, length);
    if (end > this.#bytes.length) throw new RangeError('the answer ends in its midst');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

/** A signed number of 64 bits; exact to 2^53. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}
