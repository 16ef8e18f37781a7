/** What the house takes from a line that a service prints. */
export interface LogLine {
  /** As in pino: 30 info, 40 warning, 50 error, 60 fatal. */
  readonly level: number;
  readonly message: string;
  /** The whole text for a reader: the message and the error behind it. */
  readonly text: string;
}

export const WARNING = 40;

/** Reads a JSON log line; a line that is none, such as the stack of a crash, counts as an error. */
export function readLogLine(line: string): LogLine {
  const entry = parsed(line);
  const message = entry?.['msg'];
  if (!entry || typeof message !== 'string') return { level: 50, message: line, text: line };
  const level = typeof entry['level'] === 'number' ? entry['level'] : 30;
  const cause = messageOf(entry['err']);
  const isNews = cause !== undefined && !message.includes(cause);
  return { level, message, text: isNews ? `${message}: ${cause}` : message };
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function messageOf(error: unknown): string | undefined {
  const message =
    typeof error === 'object' && error !== null && 'message' in error && error.message;
  return typeof message === 'string' && message !== '' ? message : undefined;
}
