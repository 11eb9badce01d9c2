// ClientStreams: what a client has attached to a process, whichever protocol it came by; and how its end is told.
import type { Readable, Writable } from 'node:stream';
import type { TerminalSize } from '../../runtime/runtime.js';

/** Which streams the client asked for. */
export interface Wanted {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export interface ClientStreams {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** At most once; sizes that came before are told at once. */
  onResize(listener: (size: TerminalSize) => void): void;
  /** Sends what is still to be sent, the outcome last, and closes. */
  finish(outcome: Outcome): Promise<void>;
  /** Resolves when the client is gone or was finished with. */
  readonly closed: Promise<void>;
}

/** A metav1.Status without its kind, as upstream writes it to the error stream. */
export interface Outcome {
  readonly metadata: object;
  readonly status: 'Success' | 'Failure';
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly causes: readonly { readonly reason: string; readonly message: string }[] };
  readonly code?: number;
}

/** As upstream tells an exit code: a Status with a cause. */
export function exitOutcome(exitCode: number | undefined): Outcome {
  if (!exitCode) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}

export function failureOutcome(error: Error): Outcome {
  return { metadata: {}, status: 'Failure', message: error.message, reason: 'InternalError', code: 500 };
}

/** Protocols before version 4 have only a text for what went wrong, and nothing for what went well. */
export function encodeOutcome(outcome: Outcome, asStatus: boolean): Buffer {
  if (asStatus) return Buffer.from(JSON.stringify(outcome));
  return Buffer.from(outcome.status === 'Success' ? '' : (outcome.message ?? ''));
}

/** undefined for what is no size: a terminal's size is not worth ending its process. */
export function terminalSize(payload: string): TerminalSize | undefined {
  try {
    const { Width: width, Height: height } = JSON.parse(payload) as { Width?: unknown; Height?: unknown };
    const isSize = (n: unknown): n is number => typeof n === 'number' && Number.isInteger(n) && n > 0 && n < 65536;
    return isSize(width) && isSize(height) ? { width, height } : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps the newest size until somebody listens. */
export class Resizes {
  #listener: ((size: TerminalSize) => void) | undefined;
  #last: TerminalSize | undefined;

  listen(listener: (size: TerminalSize) => void): void {
    this.#listener = listener;
    if (this.#last) listener(this.#last);
  }

  push(payload: string): void {
    const size = terminalSize(payload);
    if (!size) return;
    this.#last = size;
    this.#listener?.(size);
  }
}
