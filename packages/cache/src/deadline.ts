/**
 * The answer, or a rejection with `late()` after `ms`. After a busy loop timers run before the
 * sockets are read: an answer that has arrived by then still counts.
 */
export async function within<T>(answer: Promise<T>, ms: number, late: () => Error): Promise<T> {
  const tooLate = Promise.withResolvers<never>();
  const timer = setTimeout(() => setImmediate(() => tooLate.reject(late())), ms);
  try {
    return await Promise.race([answer, tooLate.promise]);
  } finally {
    clearTimeout(timer);
    // It may still be rejected when the answer came between the timer and its turn.
    tooLate.promise.catch(() => undefined);
  }
}
