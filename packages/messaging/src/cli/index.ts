export type { ConnectOptions } from './connect.ts';
export {
  type DeadLetter,
  listDeadLetters,
  type ReplayOptions,
  replayDeadLetters,
  showDeadLetter,
} from './dead-letters.ts';
export { type CliParts, main } from './main.ts';
