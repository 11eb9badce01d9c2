// httpsTransport: API requests over the network, all on one HTTP/2 connection with TLS.
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { type Clock, systemClock } from '../apimachinery/clock.js';
import type { KubeObject } from '../apimachinery/object.js';
import { StatusError } from '../apimachinery/status.js';
import { decodeAnswer, watchEvents } from './answer.js';
import type { ApiRequest, Transport, WatchEvent } from './client.js';
import { H2Connection, type TlsIdentity, unreachable } from './h2-connection.js';

/** A request that is not a watch is given up when nothing has come for so long. */
const SILENCE_MAX_ms = 10_000;
/** A list of 50,000 pods has about 150 MB; more is a server gone wrong. */
const BODY_MAX_bytes = 256 * 1024 * 1024;

export interface HttpsTransportOptions {
  /** `https://host:6443`. */
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  /** A bearer token. */
  readonly token?: string;
  /** Called for each new connection: what to use then instead of `ca`, `cert` and `key`. */
  readonly reload?: () => TlsIdentity;
  readonly clock?: Clock;
  /** Which program asks: the server's field managers go by it. */
  readonly userAgent?: string;
}

export interface HttpsTransport extends Transport {
  /** Makes later requests use a new connection, with what `reload` gives then; requests and watches under way go on. */
  reconnect(): void;
  /** Ends every request and watch; a process that has no other work can exit then. */
  close(): void;
}

/** Rejects with the server's Status, or with 503 ServiceUnavailable where it cannot be reached or falls silent. */
export function httpsTransport(options: HttpsTransportOptions): HttpsTransport {
  return new H2Transport(options);
}

class H2Transport implements HttpsTransport {
  readonly #connection: H2Connection;
  readonly #server: URL;
  readonly #clock: Clock;

  constructor(private readonly options: HttpsTransportOptions) {
    this.#server = new URL(options.server);
    this.#clock = options.clock ?? systemClock;
    const { ca, cert, key, reload } = options;
    this.#connection = new H2Connection({ server: this.#server, clock: this.#clock, identity: reload ?? (() => ({ ca, cert, key })) });
  }

  async request(request: ApiRequest): Promise<unknown> {
    const stream = await this.#send(request);
    let timer = this.#clock.after(SILENCE_MAX_ms, silent);
    function silent() {
      stream.destroy(new Error(`no answer within ${SILENCE_MAX_ms / 1000} s`));
    }
    const onData = () => {
      timer.cancel();
      timer = this.#clock.after(SILENCE_MAX_ms, silent);
    };
    stream.on('response', onData);
    try {
      const headers = await responseOf(stream);
      const body = await collect(stream, onData);
      return decodeAnswer(Number(headers[':status']), body);
    } catch (error) {
      throw this.#asStatus(error);
    } finally {
      timer.cancel();
    }
  }

  async *watch(request: ApiRequest, signal: AbortSignal): AsyncIterable<WatchEvent<KubeObject>> {
    if (signal.aborted) return;
    const stream = await this.#send(request);
    const abort = () => stream.close(constants.NGHTTP2_CANCEL);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    // A server that accepts the connection but never begins to answer must not hold the watch; later its pings tell.
    const timer = this.#clock.after(SILENCE_MAX_ms, () => stream.destroy(new Error(`no answer within ${SILENCE_MAX_ms / 1000} s`)));
    try {
      const headers = await responseOf(stream);
      timer.cancel();
      if (Number(headers[':status']) !== 200) decodeAnswer(Number(headers[':status']), await collect(stream));
      yield* watchEvents(stream);
    } catch (error) {
      if (!signal.aborted) throw this.#asStatus(error);
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', abort);
      stream.close(constants.NGHTTP2_CANCEL);
    }
  }

  reconnect(): void {
    this.#connection.renew();
  }

  close(): void {
    this.#connection.close();
  }

  async #send({ method, path, query, contentType, body }: ApiRequest): Promise<ClientHttp2Stream> {
    const search = query.size > 0 ? `?${query}` : '';
    const headers: OutgoingHttpHeaders = {
      ':method': method,
      ':path': this.#server.pathname.replace(/\/$/, '') + path + search,
      accept: 'application/json',
      'user-agent': this.options.userAgent ?? 'porthole',
    };
    if (this.options.token) headers['authorization'] = `Bearer ${this.options.token}`;
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    if (payload) {
      headers['content-type'] = contentType ?? 'application/json';
      headers['content-length'] = payload.length;
    }
    const stream = await this.#connection.request(headers, !payload);
    // `error` is also awaited by whoever reads; without a listener from the first moment it would end the process.
    stream.on('error', () => {});
    if (payload) stream.end(payload);
    return stream;
  }

  #asStatus(error: unknown): unknown {
    if (error instanceof StatusError) return error;
    return unreachable(this.#server, error instanceof Error ? error.message : String(error));
  }
}

function responseOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', reject);
    stream.once('close', () => reject(new Error('the connection ended before the answer')));
  });
}

async function collect(stream: ClientHttp2Stream, onData?: () => void): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    onData?.();
    length += chunk.length;
    if (length > BODY_MAX_bytes) throw new Error(`an answer of more than ${BODY_MAX_bytes} bytes`);
    chunks.push(chunk);
  }
  if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) throw new Error(`the answer was cut off (HTTP/2 error ${stream.rstCode})`);
  return Buffer.concat(chunks);
}
