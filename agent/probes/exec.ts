// Runs a command in a container and tells how it ended: exec probes and exec hooks.
import type { Readable } from 'node:stream';
import type { Clock } from '../../src/apimachinery/clock.js';
import type { ContainerRuntime } from '../runtime/runtime.js';

/** Upstream's: what of a probe's output is worth an event. */
export const OUTPUT_MAX_BYTES = 10 * 1024;

export interface CommandResult {
  /** undefined: it did not end in time, and was ended. */
  readonly exitCode: number | undefined;
  readonly output: string;
}

/** Rejects with a RuntimeError where the command could not be run at all. */
export async function runCommand(
  runtime: ContainerRuntime,
  clock: Clock,
  containerId: string,
  command: readonly string[],
  timeout_ms: number,
): Promise<CommandResult> {
  const streams = await runtime.exec(containerId, { command, stdin: false, tty: false });
  let timedOut: Promise<void> | undefined;
  const timer = clock.after(timeout_ms, () => {
    timedOut = streams.abandon();
    // Awaited below, after the outputs have ended.
    timedOut.catch(() => undefined);
  });
  try {
    const [stdout, stderr] = await Promise.all([collect(streams.stdout), collect(streams.stderr)]);
    const output = stdout + stderr;
    if (!timedOut) return { exitCode: await streams.exitCode(), output };
    await timedOut;
    return { exitCode: undefined, output };
  } finally {
    timer.cancel();
    streams.close();
  }
}

async function collect(stream: Readable): Promise<string> {
  let text = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) if (text.length < OUTPUT_MAX_BYTES) text += String(chunk);
  return text.slice(0, OUTPUT_MAX_BYTES);
}
