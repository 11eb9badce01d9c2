// Runs the host's programs (ip, iptables-restore, conntrack): arguments as they are, always with a time-out.
import { runInShell } from '../shells.js';

export interface ExecOptions {
  readonly stdin?: string;
  readonly timeout_ms?: number;
}

/** Resolves with standard output; rejects with an ExecError when the program is missing, fails or takes too long. */
export type Exec = (program: string, args: readonly string[], options?: ExecOptions) => Promise<string>;

export class ExecError extends Error {
  override readonly name = 'ExecError';
  constructor(
    readonly program: string,
    readonly args: readonly string[],
    /** The exit code (128 and more: a signal), or why there is none: `ENOENT`, `timeout`. */
    readonly code: number | string,
    readonly stderr: string,
    readonly stdout: string,
  ) {
    super(`${[program, ...args].join(' ')}: ${explain(program, code, stderr)}`);
  }
}

function explain(program: string, code: number | string, stderr: string): string {
  if (code === 'ENOENT') return `${program} is not installed or not in PATH`;
  const said = stderr.trim().slice(0, STDERR_IN_MESSAGE_CHARS);
  return typeof code === 'number' ? `exit ${code}${said ? `: ${said}` : ''}` : `${code}${said ? `: ${said}` : ''}`;
}

/** Enough for a parse error with its line; a whole table does not belong in a log line. */
const STDERR_IN_MESSAGE_CHARS = 2000;
/** Longer than a full load of 5,000 Services takes in batches; a program that hangs must not hang the agent. */
const DEFAULT_TIMEOUT_MS = 30_000;
/** `iptables-save` of 5,000 Services is about 10 MB. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
/** What a shell answers for a program that is not there. */
const NOT_FOUND = 127;

export const systemExec: Exec = async (program, args, { stdin, timeout_ms = DEFAULT_TIMEOUT_MS } = {}) => {
  const { code, stdout, stderr } = await runInShell({ program, args, stdin, timeout_ms, output_max_bytes: MAX_OUTPUT_BYTES });
  if (code === 0) return stdout;
  throw new ExecError(program, args, code === NOT_FOUND ? 'ENOENT' : code, stderr, stdout);
};
