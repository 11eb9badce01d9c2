// Streams of a process over SPDY/3.1: the client opens one stream for each, named by the header streamtype.
import type { Clock } from '../../../src/apimachinery/clock.js';
import type { SpdySession } from '../spdy/session.js';
import type { SpdyStream } from '../spdy/stream.js';
import { endAll } from '../streams.js';
import { type ClientStreams, encodeOutcome, Resizes, type Wanted } from './client-streams.js';

/** In the order we prefer them. v2 brought streams that can be told apart, v3 terminal sizes, v4 how the process ended. */
export const SPDY_PROTOCOLS: readonly string[] = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];

/** Upstream's DefaultStreamCreationTimeout: how long a client may take to open the streams that it asked for. */
const STREAM_CREATION_TIMEOUT_MS = 30_000;

/** Gathers a session's streams until those that were asked for are there. */
export class CommandStreams {
  readonly #streams = new Map<string, SpdyStream>();
  readonly #expected: ReadonlySet<string>;
  #arrived!: () => void;
  readonly #complete = new Promise<void>((resolve) => {
    this.#arrived = resolve;
  });

  constructor(
    wanted: Wanted,
    private readonly protocol: string,
  ) {
    const { stdin, stdout, tty } = wanted;
    const stderr = wanted.stderr && !tty;
    const resize = tty && (protocol === 'v4.channel.k8s.io' || protocol === 'v3.channel.k8s.io');
    const all = { error: true, stdin, stdout, stderr, resize };
    this.#expected = new Set(Object.entries(all).flatMap(([name, isWanted]) => (isWanted ? [name] : [])));
  }

  accept(stream: SpdyStream): boolean {
    const type = stream.headers.get('streamtype') ?? '';
    if (!this.#expected.has(type) || this.#streams.has(type)) return false;
    this.#streams.set(type, stream);
    if (this.#streams.size === this.#expected.size) this.#arrived();
    return true;
  }

  /** Rejects, with the session closed, where the client does not open them in time. */
  async open(session: SpdySession, clock: Clock): Promise<ClientStreams> {
    let timedOut = false;
    const timer = clock.after(STREAM_CREATION_TIMEOUT_MS, () => {
      timedOut = true;
      session.close();
    });
    await Promise.race([this.#complete, session.closed]);
    timer.cancel();
    if (timedOut) throw new Error('timed out waiting for client to create streams');
    if (this.#streams.size < this.#expected.size) throw new Error('the client left before its streams were open');
    return this.#client(session);
  }

  #client(session: SpdySession): ClientStreams {
    const of = (type: string) => this.#streams.get(type);
    const [stdout, stderr, error] = [of('stdout'), of('stderr'), of('error')!];
    const resizes = new Resizes();
    splitLines(of('resize'), (line) => resizes.push(line));
    return {
      stdin: of('stdin'),
      stdout,
      stderr,
      onResize: (listener) => resizes.listen(listener),
      closed: session.closed,
      finish: async (outcome) => {
        await endAll(stdout, stderr);
        error.write(encodeOutcome(outcome, this.protocol === 'v4.channel.k8s.io'));
        await endAll(error);
        session.close();
      },
    };
  }
}

/** Longest that is kept of a line that does not end: a size is 30 bytes. */
const LINE_MAX = 1024;

/** Sizes come as JSON objects, each with a line feed behind it. */
function splitLines(stream: SpdyStream | undefined, each: (line: string) => void): void {
  let rest = '';
  stream?.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop()!.slice(0, LINE_MAX);
    for (const line of lines) each(line);
  });
}
