export type { ConnectOptions } from './connect.ts';
export { type DeadLetter, listDeadLetters, showDeadLetter } from './dead-letters.ts';
export { type CliParts, main } from './main.ts';
export { type ReplayOptions, replayDeadLetters } from './replay.ts';
