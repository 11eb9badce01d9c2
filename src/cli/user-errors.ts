// How a command of the local cluster ends: what a person can put right is one line, everything else keeps its stack.
import { UserError } from '../cluster/local/user-error.js';

export async function reportUserErrors(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`porthole: ${error.message}\n`);
    process.exitCode = 1;
  }
}
