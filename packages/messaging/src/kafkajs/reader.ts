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
    const length = this.int32();
    return Array.from({ length: Math.max(0, length) }, () => read(this));
  }

  #take(length: number): Buffer {
    const taken = this.#bytes.subarray(this.#at, this.#at + Math.max(0, length));
    this.#at += taken.length;
    return taken;
  }
}

/** A signed number of 64 bits; exact to 2^53. */
export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}
