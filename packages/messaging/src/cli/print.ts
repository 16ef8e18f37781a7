import type { DeadLetter } from './dead-letters.ts';

/** A dead letter in one line. */
export function line(letter: DeadLetter): string {
  const { partition, offset, original, group, attempts, error, key } = letter;
  const from = `${original.topic ?? '-'}[${original.partition ?? '-'}]@${original.offset ?? '-'}`;
  const why = `${error.code ?? error.name ?? '-'}: ${error.message ?? '-'}`;
  const what = [
    `${partition}@${offset}`,
    dateOf(letter.timestamp),
    `key ${key === null ? '-' : JSON.stringify(key)}`,
    `from ${from}`,
    `group ${group ?? '-'}`,
    `attempts ${attempts ?? '-'}`,
    why,
  ];
  return `${printable(what.join('  '))}\n`;
}

/** A dead letter as a page of JSON. */
export function page({ key, headers, value, ...facts }: DeadLetter): string {
  const texts = headers.map(([name, bytes]) => [name, bytes && textOf(bytes)]);
  const shown = { ...facts, key, headers: texts, value: value && textOf(value) };
  return `${JSON.stringify(shown, undefined, 2)}\n`;
}

function dateOf(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

/** UTF-8 where it is, or else base64. */
function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return `base64:${Buffer.from(bytes).toString('base64')}`;
  }
}

/** What strangers wrote into a message must not steer a terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '\uFFFD');
}
