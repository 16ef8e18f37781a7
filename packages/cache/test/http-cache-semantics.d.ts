/** It says that its types are in its JavaScript, where `tsc` does not look. */
declare module 'http-cache-semantics' {
  interface Message {
    readonly headers: Readonly<Record<string, string>>;
  }

  class CachePolicy {
    constructor(
      request: Message & { readonly method: string; readonly url: string },
      response: Message & { readonly status: number },
      options: { readonly shared: boolean },
    );
    storable(): boolean;
    timeToLive(): number;
    evaluateRequest(request: Message & { readonly method: string; readonly url: string }): {
      readonly revalidation?: { readonly synchronous: boolean };
    };
  }
  export = CachePolicy;
}
