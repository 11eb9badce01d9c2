// Runs the node's programs by a few small shells that wait for work. A fork of the agent itself copies the tables of all its memory and holds up
// everything else meanwhile: 8 ms of CPU each, where a shell's costs less than one. Nothing that is given is ever read as shell code.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { systemClock } from '../src/apimachinery/clock.js';

export interface ShellCommand {
  /** A path, or a name that is looked up in `SHELL_PATH`. */
  readonly program: string;
  readonly args?: readonly string[];
  /** Besides the agent's own environment. */
  readonly env?: { readonly [name: string]: string };
  /** Ends with a line end: one is added where there is none. */
  readonly stdin?: string;
  readonly timeout_ms: number;
  /** Of each output; a program that says more is ended. */
  readonly output_max_bytes: number;
}

export interface ShellOutcome {
  /** The exit code (128 + the signal's number where one ended it; 127 where there is no such program), or why there is none. */
  readonly code: number | 'timeout' | 'too much output' | 'the shell ended';
  readonly stdout: string;
  readonly stderr: string;
}

/** A login shell's PATH has no sbin for some users of sudo, nor has every service's. */
export const SHELL_PATH = [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(':');

/** As many as a burst of pods needs; each is under 1 MB, most of it shared. More are started where all are at work, and end after it. */
const IDLE_MAX = 6;
/** Ends what goes to a program: a line that none of our inputs holds, which is looked at. */
const END_OF_INPUT = 'PORTHOLE-END-OF-INPUT';
/** Comes after a program's outputs; on the standard output its exit code follows. */
const MARK = '\0';

const idle: Shell[] = [];

/** Rejects only for what is no command: NUL in it, or our end of input. */
export async function runInShell(command: ShellCommand): Promise<ShellOutcome> {
  const script = scriptOf(command);
  const shell = idle.pop() ?? new Shell();
  const outcome = await shell.run(script, command);
  if (!shell.isUsable) return outcome;
  if (idle.length < IDLE_MAX) idle.push(shell);
  else shell.end();
  return outcome;
}

function scriptOf({ program, args = [], env = {}, stdin = '' }: ShellCommand): string {
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${quote(value)}`);
  const words = [...assignments, ...[program, ...args].map(quote)].join(' ');
  return `${words} ${input(stdin)}printf '\\0%d\\n' $?; printf '\\0' >&2\n`;
}

/** Within single quotes a shell reads nothing but the next one. */
function quote(word: string): string {
  if (word.includes('\0')) throw new Error(`a NUL character in an argument: ${JSON.stringify(word)}`);
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function input(stdin: string): string {
  if (stdin === '') return '</dev/null\n';
  if (stdin.includes('\0') || stdin.includes(END_OF_INPUT)) throw new Error('input that a shell cannot pass on');
  return `<<'${END_OF_INPUT}'\n${stdin}${stdin.endsWith('\n') ? '' : '\n'}${END_OF_INPUT}\n`;
}

/** What a program says, up to the mark that ends it. */
class Output {
  readonly #chunks: string[] = [];
  #isMarked = false;
  length = 0;

  constructor(private readonly end: RegExp) {}

  add(chunk: string): void {
    this.#chunks.push(chunk);
    this.length += chunk.length;
    this.#isMarked ||= chunk.includes(MARK);
  }

  get text(): string {
    return this.#chunks.join('');
  }

  /** Undefined until the mark and all that belongs to it is there. */
  ended(): { readonly said: string; readonly mark: string } | undefined {
    if (!this.#isMarked) return undefined;
    const { text } = this;
    const end = this.end.exec(text);
    return end ? { said: text.slice(0, end.index), mark: end[1] ?? '' } : undefined;
  }
}

class Shell {
  isUsable = true;
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  #onOutput: ((which: 'stdout' | 'stderr', chunk: string) => void) | undefined;
  #onEnd: ((reason: ShellOutcome['code']) => void) | undefined;

  constructor() {
    // In a process group of its own, to be ended together with what it runs.
    this.#process = spawn('/bin/sh', [], { stdio: 'pipe', detached: true, env: { ...process.env, PATH: SHELL_PATH, LC_ALL: 'C' } });
    for (const name of ['stdout', 'stderr'] as const) {
      this.#process[name].setEncoding('utf8').on('data', (chunk: string) => {
        // Something that an earlier program has left behind: it must not be taken for the next one's.
        if (!this.#onOutput) this.#kill('the shell ended');
        else this.#onOutput(name, chunk);
      });
    }
    this.#process.once('close', () => this.#over('the shell ended'));
    this.#process.once('error', () => this.#over('the shell ended'));
    // That it has ended is told above.
    this.#process.stdin.on('error', () => undefined);
    this.#hold(false);
  }

  run(script: string, { timeout_ms, output_max_bytes }: ShellCommand): Promise<ShellOutcome> {
    const out = { stdout: new Output(/\0(\d+)\n$/), stderr: new Output(/\0$/) };
    this.#hold(true);
    return new Promise((resolve) => {
      const timer = systemClock.after(timeout_ms, () => this.#kill('timeout'));
      const finish = (outcome: ShellOutcome) => {
        timer.cancel();
        this.#onOutput = this.#onEnd = undefined;
        this.#hold(false);
        resolve(outcome);
      };
      this.#onOutput = (which, chunk) => {
        out[which].add(chunk);
        if (out[which].length > output_max_bytes) return this.#kill('too much output');
        const stdout = out.stdout.ended();
        const stderr = stdout && out.stderr.ended();
        if (stdout && stderr) finish({ code: Number(stdout.mark), stdout: stdout.said, stderr: stderr.said });
      };
      this.#onEnd = (code) => finish({ code, stdout: out.stdout.text, stderr: out.stderr.text });
      this.#process.stdin.write(script);
    });
  }

  /** A shell that waits for work does not keep the agent from ending. */
  #hold(isWanted: boolean): void {
    const parts = [
      this.#process,
      this.#process.stdin,
      this.#process.stdout,
      this.#process.stderr,
    ] as unknown as readonly NodeJS.RefCounted[];
    for (const part of parts) {
      if (isWanted) part.ref();
      else part.unref();
    }
  }

  #kill(reason: ShellOutcome['code']): void {
    const { pid, exitCode, signalCode } = this.#process;
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
    this.#over(reason);
  }

  #over(reason: ShellOutcome['code']): void {
    this.isUsable = false;
    const place = idle.indexOf(this);
    if (place >= 0) idle.splice(place, 1);
    this.#onEnd?.(reason);
  }

  end(): void {
    this.isUsable = false;
    this.#process.stdin.end();
  }
}
