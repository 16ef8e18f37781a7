import type { Commits } from './commits.ts';
import { type Entry, type Journal, orderBreaks, placeOf } from './journal.ts';
import type { Letter } from './letters.ts';
import type { Outcome } from './sending.ts';
import { isPoison } from './work.ts';

/** What a fault cost a group. The first five columns are counts, the others say what went wrong. */
export interface Account {
  readonly sent: number;
  readonly acknowledged: number;
  readonly rejected: number;
  /** Distinct messages that were handled or are dead letters. */
  readonly delivered: number;
  readonly deadLettered: number;
  /** Acknowledged, and neither handled nor a dead letter; what is poison must be a dead letter. */
  readonly lost: number;
  /** In the log more than once. */
  readonly duplicated: number;
  /** Handled again though the group had committed it. */
  readonly repeated: number;
  /** Handled again before it was committed: at-least-once allows it after a fault. */
  readonly redelivered: number;
  /** The same of dead letters. */
  readonly lettersAgain: number;
  /** Begun before the one ahead of it in its key was over. */
  readonly outOfOrder: number;
  /** Keys that two members were busy with at once. */
  readonly together: number;
  /** Dead letters of messages that are no poison. */
  readonly misfiled: number;
  /** Acknowledged at a place where another message is. */
  readonly wrongOffsets: number;
  /** Of a send. */
  readonly longestMs: number;
}

export interface AccountParts {
  readonly group: string;
  readonly outcomes: readonly Outcome[];
  readonly journal: Journal;
  readonly letters: readonly Letter[];
  readonly commits: Commits;
}

type Named = { readonly key: string; readonly n: number };
const nameOf = ({ key, n }: Named): string => `${key} ${n}`;

export function accountOf({ group, outcomes, journal, letters, commits }: AccountParts): Account {
  const entries = journal.of(group);
  const own = letters.filter((letter) => letter.group === group);
  const ends = entries.filter(({ kind }) => kind === 'handled' || kind === 'poisoned');
  const handled = new Set(ends.filter(({ kind }) => kind === 'handled').map(nameOf));
  const lettered = new Set(own.map(nameOf));
  const acknowledged = outcomes.filter(({ sent }) => sent);
  const isThere = ({ message }: Outcome) =>
    (isPoison(message) ? lettered : handled).has(nameOf(message));
  return {
    sent: outcomes.length,
    acknowledged: acknowledged.length,
    rejected: outcomes.length - acknowledged.length,
    delivered: new Set([...handled, ...lettered]).size,
    deadLettered: lettered.size,
    lost: acknowledged.filter((outcome) => !isThere(outcome)).length,
    duplicated: countTwice(entries),
    repeated: commits.countRepeats(entries),
    redelivered: ends.length - new Set(ends.map(nameOf)).size,
    lettersAgain: own.length - lettered.size,
    outOfOrder: orderBreaks(entries),
    together: journal.together(group),
    misfiled: own.filter((letter) => !isPoison(letter)).length,
    wrongOffsets: countElsewhere(acknowledged, entries),
    longestMs: Math.round(Math.max(0, ...outcomes.map(({ tookMs }) => tookMs))),
  };
}

/** Messages that came from more than one place in the log. */
function countTwice(entries: readonly Entry[]): number {
  const places = new Set(entries.map((entry) => `${nameOf(entry)} ${placeOf(entry)}`));
  return places.size - new Set(entries.map(nameOf)).size;
}

function countElsewhere(acknowledged: readonly Outcome[], entries: readonly Entry[]): number {
  const found = new Map(entries.map((entry) => [placeOf(entry), nameOf(entry)]));
  return acknowledged.filter(({ message, sent }) => {
    if (sent?.offset === undefined) return false;
    return found.get(placeOf({ ...sent, offset: sent.offset })) !== nameOf(message);
  }).length;
}

/** What holds whatever happens. */
export const nothingLost = {
  ...{
    rejected: 0,
    lost: 0,
    duplicated: 0,
    repeated: 0,
    outOfOrder: 0,
    misfiled: 0,
    wrongOffsets: 0,
  },
} as const;
