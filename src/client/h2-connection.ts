// H2Connection: one TLS connection with HTTP/2 to the API server, shared by all requests and watches of a process. A link
// that has gone dead without a word is noticed by its silence and given up within seconds.
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectSession, type OutgoingHttpHeaders } from 'node:http2';
import { isIP } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../apimachinery/clock.js';
import { type StatusError, serviceUnavailable } from '../apimachinery/status.js';

/** A TCP and TLS handshake on a lame link takes a second or two; a mended link must not wait for an attempt begun before. */
const CONNECT_TIMEOUT_ms = 3_000;
/** Every so often bytes must have come, else a ping goes out; after so many silent ticks the link is dead: 6 to 8 s. */
const TICK_ms = 2_000;
const SILENT_TICKS_MAX = 3;
/** A stalled reader holds up its own stream at the first bound, and never the others at the second. */
const STREAM_WINDOW_bytes = 256 * 1024;
const SESSION_WINDOW_bytes = 16 * 1024 * 1024;

/** What a connection is made with; read anew for each, so that renewed certificates come into use. */
export interface TlsIdentity {
  /** PEM of the authorities that the server's certificate must come from. */
  readonly ca: string;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

export interface H2ConnectionOptions {
  readonly server: URL;
  readonly identity: () => TlsIdentity;
  readonly clock: Clock;
}

export class H2Connection {
  #session: ClientHttp2Session | undefined;
  #connecting: Promise<ClientHttp2Session> | undefined;
  #closed = false;

  constructor(private readonly options: H2ConnectionOptions) {}

  /** A stream for one request. Rejects with 503 where the server cannot be reached, without having sent anything. */
  async request(headers: OutgoingHttpHeaders, endStream: boolean): Promise<ClientHttp2Stream> {
    const session = await this.#live();
    try {
      return session.request(headers, { endStream });
    } catch (error) {
      // It was closed in the same moment; the caller's next try finds another.
      throw unreachable(this.options.server, (error as Error).message);
    }
  }

  /** Lets what is under way end on the present connection; what follows gets a new one, with the certificates of then. */
  renew(): void {
    this.#session?.close();
    this.#session = undefined;
  }

  /** Ends everything at once; nothing can be asked any more. */
  close(): void {
    this.#closed = true;
    this.#session?.destroy();
    this.#session = undefined;
  }

  #live(): Promise<ClientHttp2Session> {
    if (this.#closed) return Promise.reject(serviceUnavailable('the connection to the API server has been closed'));
    if (this.#session && !this.#session.closed && !this.#session.destroyed) return Promise.resolve(this.#session);
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(): Promise<ClientHttp2Session> {
    const socket = await openTls(this.options);
    const session = connectSession(this.options.server, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_bytes },
    });
    session.setLocalWindowSize(SESSION_WINDOW_bytes);
    const watchdog = new Watchdog(session, socket, this.options.clock);
    session.on('error', () => {
      // Each stream of it fails with the same error and tells its own caller.
    });
    session.once('close', () => {
      watchdog.stop();
      if (this.#session === session) this.#session = undefined;
    });
    if (this.#closed) session.destroy();
    else this.#session = session;
    return session;
  }
}

/** Resolves with a connection that has HTTP/2 agreed and the server's certificate verified. */
function openTls({ server, identity, clock }: H2ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const host = server.hostname.replace(/^\[|\]$/g, '');
    const { ca, cert, key } = identity();
    const socket = connectTls({
      host,
      port: Number(server.port || 443),
      ...(isIP(host) === 0 && { servername: host }),
      ca,
      ...(cert && key && { cert, key }),
      ALPNProtocols: ['h2'],
    });
    const fail = (error: Error) => {
      timer.cancel();
      socket.destroy();
      reject(unreachable(server, error.message));
    };
    const timer = clock.after(CONNECT_TIMEOUT_ms, () => fail(new Error(`no answer within ${CONNECT_TIMEOUT_ms / 1000} s`)));
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      if (socket.alpnProtocol !== 'h2') return fail(new Error('it does not speak HTTP/2'));
      timer.cancel();
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

export function unreachable(server: URL, why: string): StatusError {
  return serviceUnavailable(`the API server ${server.origin} cannot be reached: ${why}`);
}

/** Pings a silent connection and destroys it when it stays silent. Counts ticks, not time: a process that was stopped is not a dead link. */
class Watchdog {
  #timer: Timer;
  #seen_bytes = 0;
  #silentTicks = 0;

  constructor(
    private readonly session: ClientHttp2Session,
    private readonly socket: TLSSocket,
    private readonly clock: Clock,
  ) {
    this.#timer = this.#arm();
  }

  stop(): void {
    this.#timer.cancel();
  }

  #arm(): Timer {
    return this.clock.after(TICK_ms, () => this.#tick());
  }

  #tick(): void {
    if (this.session.destroyed) return;
    if (this.socket.bytesRead !== this.#seen_bytes) this.#silentTicks = 0;
    else this.#silentTicks++;
    this.#seen_bytes = this.socket.bytesRead;
    if (this.#silentTicks > SILENT_TICKS_MAX) {
      this.session.destroy(new Error('the connection has gone silent'));
      return;
    }
    // The answer itself is of no interest: its bytes are what the next tick looks for.
    this.session.ping(() => {});
    this.#timer = this.#arm();
  }
}
