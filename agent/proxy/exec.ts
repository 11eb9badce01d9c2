// Runs the host's programs (ip, iptables-restore, conntrack): never through a shell, always with a time-out.
import { execFile } from 'node:child_process';

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
    /** The exit code, or why there is none: `ENOENT`, `timeout`, a signal's name. */
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
/** A login shell's PATH has no sbin for some users of sudo. */
const PATH = [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(':');

export const systemExec: Exec = (program, args, options = {}) =>
  new Promise((resolve, reject) => {
    const settings = {
      timeout: options.timeout_ms ?? DEFAULT_TIMEOUT_MS,
      killSignal: 'SIGKILL' as const,
      maxBuffer: MAX_OUTPUT_BYTES,
      env: { ...process.env, PATH, LC_ALL: 'C' },
    };
    const child = execFile(program, [...args], settings, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const code = error.killed ? 'timeout' : (error.code ?? error.signal ?? 'failed');
      reject(new ExecError(program, args, code, stderr, stdout));
    });
    // A program that ends before it has read its input says why by its exit code; the broken pipe adds nothing.
    child.stdin?.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') child.kill('SIGKILL');
    });
    child.stdin?.end(options.stdin ?? '');
  });
