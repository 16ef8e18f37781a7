const MAX_REASON_LENGTH = 500;

/** What an error means for the message. */
export type FailureKind = 'retryable' | 'poison' | 'fatal';

/** Says what an error means; undefined leaves it to the class of the error. */
export type Classify = (error: unknown) => FailureKind | undefined;

/** Errors of two copies of the package are told by their code. */
const kinds = new Map<unknown, FailureKind>([
  ['ERR_MESSAGING_POISON', 'poison'],
  ['ERR_MESSAGING_SCHEMA', 'poison'],
  ['ERR_MESSAGING_FATAL', 'fatal'],
]);

/** A `classify` that throws has said nothing. */
export function kindOf(error: unknown, classify?: Classify): FailureKind {
  return asked(error, classify) ?? kinds.get(codeOf(error)) ?? 'retryable';
}

function asked(error: unknown, classify: Classify | undefined): FailureKind | undefined {
  const kind = safely(() => classify?.(error), undefined);
  return kind === 'retryable' || kind === 'poison' || kind === 'fatal' ? kind : undefined;
}

/** The `code` of what was thrown, if it has one. */
export function codeOf(thrown: unknown): unknown {
  return safely(() => Object(thrown).code, undefined);
}

/** The `name` of what was thrown, or else its type. */
export function nameOf(thrown: unknown): string {
  return safely(() => (thrown instanceof Error ? String(thrown.name) : typeof thrown), 'object');
}

/** What was thrown, in one line of bounded length. */
export function reasonOf(thrown: unknown): string {
  const text = safely(
    () => (thrown instanceof Error ? thrown.message : String(thrown)),
    'something that cannot be shown',
  );
  return text.replaceAll(/\s+/g, ' ').slice(0, MAX_REASON_LENGTH);
}

/** Anything can be thrown, also what throws when it is looked at. */
function safely<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}
