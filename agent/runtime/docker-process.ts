// Exec and logs: the byte streams of commands in a container, and what its own process has said.
import type { Duplex, Readable } from 'node:stream';
import type Docker from 'dockerode';
import { type Clock, sleep } from '../../src/apimachinery/clock.js';
import { type CommandLedger, endCommand } from './docker-commands.js';
import { dial } from './docker-dial.js';
import { call } from './docker-errors.js';
import { mergeOutput, splitOutput } from './docker-streams.js';
import { jsonFileLog } from './json-log.js';
import { type ExecOptions, type LogOptions, type ProcessStreams, RuntimeError, type TerminalSize } from './runtime.js';

/** The engine closes an exec's streams a moment before it knows the exit code. Doubling from the first, some 5 s in all. */
const EXIT_CODE_WAIT_MS = 5;
const EXIT_CODE_TRIES = 11;

export async function dockerExec(
  docker: Docker,
  { clock, commands }: { readonly clock: Clock; readonly commands: CommandLedger },
  containerId: string,
  options: ExecOptions,
): Promise<ProcessStreams> {
  const exec = await call(
    docker.getContainer(containerId).exec({
      Cmd: [...options.command],
      AttachStdin: options.stdin,
      AttachStdout: true,
      AttachStderr: !options.tty,
      Tty: options.tty,
    }),
  );
  await commands.add(exec.id, containerId);
  // `stdin` is the client's word for a request that stays open for writing; without it no half-close reaches the engine.
  const socket = (await call(exec.start({ hijack: true, stdin: true, Tty: options.tty })).catch(async (error: unknown) => {
    await commands.remove(exec.id);
    throw error;
  })) as Duplex;
  return {
    stdin: socket,
    ...splitOutput(socket, options.tty),
    resize: async ({ width, height }: TerminalSize) => {
      await call(exec.resize({ w: width, h: height }));
    },
    exitCode: async () => {
      const code = await exitCodeOf(exec, clock);
      await commands.remove(exec.id);
      return code;
    },
    close: () => socket.destroy(),
    abandon: async () => {
      socket.destroy();
      await endCommand(exec, containerId, clock);
      await commands.remove(exec.id);
    },
  };
}

async function exitCodeOf(exec: Docker.Exec, clock: Clock): Promise<number> {
  for (let tries = 0; tries < EXIT_CODE_TRIES; tries++) {
    const { Running: running, ExitCode: code } = await call(exec.inspect());
    if (!running && code !== null) return code;
    await sleep(clock, EXIT_CODE_WAIT_MS * 2 ** tries);
  }
  throw new RuntimeError(500, 'the engine does not tell how the command ended');
}

/** From its files where they are on this machine, otherwise from the engine. Always streamed, also without `follow`, so that a long log is never held in memory. `patient` waits for ever. */
export async function dockerLogs(docker: Docker, patient: Docker, containerId: string, options: LogOptions): Promise<Readable> {
  const container = docker.getContainer(containerId);
  const { Config: config, HostConfig: host, LogPath: path } = await call(container.inspect());
  if (path && host.LogConfig?.Type === 'json-file') {
    const ended = (abortSignal: AbortSignal) =>
      call(patient.getContainer(containerId).wait({ condition: 'not-running', abortSignal }), 404);
    const log = await jsonFileLog(path, options, ended);
    if (log) return log;
  }
  const query = {
    follow: options.follow,
    stdout: options.stream !== 'stderr',
    stderr: options.stream !== 'stdout',
    timestamps: options.timestamps,
    tail: options.tail === undefined ? 'all' : String(options.tail),
    ...(options.since_ms === undefined ? {} : { since: (options.since_ms / 1000).toFixed(9) }),
  };
  const source = await dial<Readable>(docker, { path: `/containers/${containerId}/logs?`, method: 'GET', isStream: true, options: query });
  return mergeOutput(source, config.Tty);
}
