/** Why the house did not start; its message is all that a reader needs, so it is printed without a stack. */
export type StartErrorCode =
  | 'ERR_HOUSE_CONFIG'
  | 'ERR_HOUSE_DATA_DIR'
  | 'ERR_HOUSE_IN_USE'
  | 'ERR_HOUSE_PORT'
  | 'ERR_HOUSE_DATABASE'
  | 'ERR_HOUSE_SERVICE';

export class StartError extends Error {
  override readonly name = 'StartError';
  readonly code: StartErrorCode;

  constructor(code: StartErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What an unknown thrown thing says, in one line. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error && error.message !== '' ? error.message : String(error);
}

/** Gives what the work gives; its failure becomes a sentence for the reader that begins with `what`. */
export async function orStartError<T>(
  code: StartErrorCode,
  what: string,
  work: Promise<T>,
): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new StartError(code, `${what}: ${reasonOf(cause)}`, { cause });
  }
}
