import type { BatchContext, MessageContext } from './message-context.ts';

/**
 * Runs around each call of a handler: it calls `next` once, and sees what that gives or throws. What it
 * throws itself counts as if the handler had. For a batch it is called once; the context then has a `size`.
 */
export type Middleware = (
  ctx: MessageContext | BatchContext,
  next: () => Promise<void>,
) => Promise<void> | void;

/** The first is the outermost. */
export async function through(
  middleware: readonly Middleware[],
  ctx: MessageContext | BatchContext,
  handler: () => unknown,
): Promise<void> {
  const at = async (index: number): Promise<void> => {
    const layer = middleware[index];
    if (!layer) {
      await handler();
      return;
    }
    let isCalled = false;
    await layer(ctx, () => {
      if (isCalled) throw new Error('a middleware called next() twice for one message');
      isCalled = true;
      return at(index + 1);
    });
  };
  await at(0);
}
