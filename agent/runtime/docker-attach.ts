// Attach: the streams of a container's own process, without losing what it has to say to the last of its input.
import { type Duplex, PassThrough, Writable } from 'node:stream';
import type Docker from 'dockerode';
import type { Clock, Timer } from '../../src/apimachinery/clock.js';
import { call } from './docker-errors.js';
import { splitOutput } from './docker-streams.js';
import { type ProcessStreams, RuntimeError, type TerminalSize } from './runtime.js';

/** An input that has ended ends the attachment to a process that goes on: after such a silence, or such a time. */
const LAST_WORDS_SILENCE_MS = 2_000;
const LAST_WORDS_MAX_MS = 10_000;

export async function dockerAttach(docker: Docker, clock: Clock, containerId: string): Promise<ProcessStreams> {
  const container = docker.getContainer(containerId);
  const { Config: config } = await call(container.inspect());
  const options = { stream: true, hijack: true, stdin: config.OpenStdin, stdout: true, stderr: true };
  const socket = (await call(container.attach(options))) as Duplex;
  // To one that has ended meanwhile the engine attaches until it is started again, which it never is.
  if (!(await call(container.inspect())).State.Running) {
    socket.destroy();
    throw new RuntimeError(409, `container ${containerId} is not running`);
  }
  return {
    stdin: config.OpenStdin ? inputOf(socket, config.StdinOnce && !config.Tty, clock) : new PassThrough().resume(),
    ...splitOutput(socket, config.Tty),
    resize: async ({ width, height }: TerminalSize) => {
      await call(container.resize({ w: width, h: height }));
    },
    exitCode: async () => undefined,
    close: () => socket.destroy(),
    abandon: async () => {
      socket.destroy();
    },
  };
}

/**
 * Where the process's own input ends with the client's (`stdinOnce`), its output goes on to its end. Otherwise the engine would cut the output off
 * as soon as it sees the end of the input, also what answers to it: so it does not get to see that.
 */
function inputOf(socket: Duplex, endsProcessInput: boolean, clock: Clock): Writable {
  if (endsProcessInput) return socket;
  return new Writable({
    write: (chunk, _encoding, done) => void socket.write(chunk, done),
    final(done) {
      endInSilence(socket, clock);
      done();
    },
  });
}

function endInSilence(socket: Duplex, clock: Clock): void {
  const end = () => socket.destroy();
  const atLatest = clock.after(LAST_WORDS_MAX_MS, end);
  let silence: Timer = clock.after(LAST_WORDS_SILENCE_MS, end);
  socket.on('data', () => {
    silence.cancel();
    silence = clock.after(LAST_WORDS_SILENCE_MS, end);
  });
  socket.once('close', () => {
    silence.cancel();
    atLatest.cancel();
  });
}
