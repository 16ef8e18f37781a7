import { closeSync, openSync, readSync, writeSync } from 'node:fs';

/** Processes that may change rows, and the bytes that one row takes. */
const WRITERS = 8;
const ROW_BYTES = WRITERS * 4;

/** One row of four stands on one of four shelves: a tag. */
export function tagsOf(row: number): string[] {
  return row % 4 === 1 ? [`shelf${(row >> 2) % 4}`] : [];
}

/**
 * The database of a fleet: a file of rows, each of which is only a version that grows. Every
 * process counts its own changes of a row, and the version is their sum: so no two processes
 * write the same bytes, and whoever reads a row sees every change that was made before.
 */
export class Rows {
  readonly #file: number;
  readonly #writer: number;
  readonly #row: Buffer = Buffer.alloc(ROW_BYTES);

  /** @param writer which of the processes this is, below 8 */
  constructor(path: string, writer: number) {
    this.#file = openSync(path, 'r+');
    this.#writer = writer;
  }

  /** The version of a row that was never changed is 1. */
  version(row: number): number {
    this.#row.fill(0);
    readSync(this.#file, this.#row, 0, ROW_BYTES, row * ROW_BYTES);
    let version = 1;
    for (let i = 0; i < WRITERS; i += 1) version += this.#row.readUInt32LE(i * 4);
    return version;
  }

  /** Changes a row; gives its new version. */
  change(row: number): number {
    const at = this.#writer * 4;
    this.version(row);
    this.#row.writeUInt32LE(this.#row.readUInt32LE(at) + 1, at);
    writeSync(this.#file, this.#row, at, 4, row * ROW_BYTES + at);
    return this.version(row);
  }

  close(): void {
    closeSync(this.#file);
  }
}
