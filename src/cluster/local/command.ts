// Runs the machine's own tools (ip, iptables, nsenter, ...) to their end and turns a failure into an error that shows what they said.
import { execFile } from 'node:child_process';

/** None of these tools takes long; one that hangs (a lock, a dead mount) must not hang us. */
const COMMAND_TIMEOUT_MS = 30_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

export interface CommandOptions {
  /** Written to its standard input. */
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeout_ms?: number;
}

/** A command that ended with another status than 0; `stderr` is what it said. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  constructor(
    readonly command: string,
    readonly status: number | string | undefined,
    readonly stderr: string,
  ) {
    super(`${command} failed (${status}): ${stderr.trim()}`);
  }
}

/** Its standard output; rejects with a CommandError. */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      [...args],
      { timeout: options.timeout_ms ?? COMMAND_TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES, env: options.env ?? process.env },
      (error, stdout, stderr) => {
        if (error) reject(new CommandError([command, ...args].join(' '), error.code ?? error.signal ?? undefined, stderr || error.message));
        else resolve(stdout);
      },
    );
    // A tool that ends before it has read everything says why by its status.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

/** Whether the command ended with status 0. */
export async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(command, args);
    return true;
  } catch (error) {
    if (error instanceof CommandError && typeof error.status === 'number') return false;
    throw error;
  }
}
