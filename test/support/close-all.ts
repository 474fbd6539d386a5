// Closes what a test opened, in `after`: also when only a part of it could be opened, and also when one does not close. A
// server that is left open keeps the test's process, and the reason of the failure with it, until the time limit.

export interface Closable {
  close(): unknown;
}

/**
 * Closes one after the other. `undefined` is what `before` did not get to. Rejects with the first failure, when all have
 * been closed.
 */
export async function closeAll(...opened: readonly (Closable | undefined)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const one of opened) {
    try {
      await one?.close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
