export {
  createFetch,
  type FetchOptions,
  type PolicyFetch,
  type PolicyFetchInit,
} from './policy-fetch.ts';
