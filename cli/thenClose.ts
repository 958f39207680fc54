/** Does something, then closes what it needed, whatever became of it. */

/**
 * Does `work`, then calls `closers` one after the other, each whatever became of those before it.
 * @throws what `work` threw; else what the first closer that failed threw
 */
export async function thenClose<T>(work: () => Promise<T>, closers: readonly (() => unknown)[]): Promise<T> {
  const [done] = await Promise.allSettled([work()]);
  const failures: unknown[] = [];
  for (const close of closers) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  // What cannot be closed after a failure may well be its consequence.
  if (done.status === 'rejected') throw done.reason;
  if (failures.length > 0) throw failures[0];
  return done.value;
}
