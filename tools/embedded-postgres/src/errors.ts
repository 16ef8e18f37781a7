/** What went wrong with an embedded PostgreSQL; each message says what to do about it. */
export type EmbeddedPostgresErrorCode =
  /** No binaries for this platform, or they were not installed. */
  | 'ERR_EMBEDDED_POSTGRES_PLATFORM'
  /** A folder cannot be made, read or written. */
  | 'ERR_EMBEDDED_POSTGRES_FOLDER'
  /** Somebody else listens on the port. */
  | 'ERR_EMBEDDED_POSTGRES_PORT_TAKEN'
  /** Another PostgreSQL that is alive works on the same data. */
  | 'ERR_EMBEDDED_POSTGRES_DATA_IN_USE'
  /** PostgreSQL refused to start for another reason; the message has its own words. */
  | 'ERR_EMBEDDED_POSTGRES_START';

/** Thrown by {@link startPostgres}. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
  readonly code: EmbeddedPostgresErrorCode;

  constructor(code: EmbeddedPostgresErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A failed file operation as the one error that names the folder. */
export function folderError(folder: string, what: string, cause: unknown): EmbeddedPostgresError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new EmbeddedPostgresError(
    'ERR_EMBEDDED_POSTGRES_FOLDER',
    `${what} in ${folder} failed: ${why}; make it writable or choose another folder`,
    { cause },
  );
}
