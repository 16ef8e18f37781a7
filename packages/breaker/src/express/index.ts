export { type RefusalHandler, refusalHandler } from './refusal-handler.ts';
