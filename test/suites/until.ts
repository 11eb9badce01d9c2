// Waiting for a condition of something outside this process, that tells nobody when it changes.
import { setTimeout as pause } from 'node:timers/promises';

/** Rejects with what did not come to pass. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeout_ms = 60_000): Promise<void> {
  const end = performance.now() + timeout_ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`timed out: ${what}`);
    await pause(20);
  }
}
