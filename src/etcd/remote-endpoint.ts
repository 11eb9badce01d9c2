// One member of an etcd cluster: its connection, calls of one answer, and streams; each call bounded in time.
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import {
  Client,
  type ClientDuplexStream,
  connectivityState,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import type { Clock } from '../apimachinery/clock.js';
import { EtcdError } from './backend.js';

/** To connect, TLS included. */
const CONNECT_TIMEOUT_MS = 3_000;
/** For an answer: more than the 7 s after which etcd itself gives up a request. */
const CALL_TIMEOUT_MS = 10_000;

const PORT_ETCD = 2379;
/** A TLS client may not ask for a server by its address; the certificate is held against the address all the same. */
const NAME_FOR_ADDRESSES = 'etcd';

const pem = (text: string | undefined) => (text === undefined ? null : Buffer.from(text));

const CHANNEL_OPTIONS = {
  // A dead machine says nothing: it is asked. etcd refuses clients that ask more often than every 5 s.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  // A member that comes back is to be used soon.
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // Ranges are as large as what is stored; etcd bounds requests itself.
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
};

export interface EtcdTls {
  /** PEM; absent: the system's certificate authorities. */
  readonly ca?: string;
  /** PEM of a client certificate and its key. */
  readonly cert?: string;
  readonly key?: string;
}

export type Method = MethodDefinition<object, object>;

/** A member cut off from the cluster is to refuse instead of waiting for a leader. */
function requireLeader(): Metadata {
  const metadata = new Metadata();
  metadata.set('hasleader', 'true');
  return metadata;
}

export class Endpoint {
  readonly #client: Client;

  /** `url`: http(s)://host:port; throws an Error of one line where it is not. */
  constructor(
    readonly url: string,
    tls: EtcdTls,
    private readonly clock: Clock,
  ) {
    const { protocol, hostname, port } = parseEndpoint(url);
    const address = `${hostname}:${port || PORT_ETCD}`;
    if (protocol === 'http:') {
      this.#client = new Client(address, credentials.createInsecure(), CHANNEL_OPTIONS);
      return;
    }
    const ip = hostname.replace(/^\[(.*)\]$/, '$1');
    const byAddress = isIP(ip) > 0;
    const verify = byAddress ? { checkServerIdentity: (_: string, cert: PeerCertificate) => checkServerIdentity(ip, cert) } : {};
    const options = byAddress ? { ...CHANNEL_OPTIONS, 'grpc.ssl_target_name_override': NAME_FOR_ADDRESSES } : CHANNEL_OPTIONS;
    this.#client = new Client(address, credentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.cert), verify), options);
  }

  /** Resolves once calls are either sent or fail at once, with the reason; rejects with EtcdError UNAVAILABLE where that is not soon. */
  settled(): Promise<void> {
    const channel = this.#client.getChannel();
    const deadline = this.#deadline(CONNECT_TIMEOUT_MS);
    return new Promise((resolve, reject) => {
      const look = (timedOut?: Error) => {
        const state = channel.getConnectivityState(true);
        if (state !== connectivityState.CONNECTING && state !== connectivityState.IDLE) return resolve();
        if (timedOut) return reject(new EtcdError('UNAVAILABLE', `${this.url}: no connection after ${CONNECT_TIMEOUT_MS / 1000} s`));
        channel.watchConnectivityState(state, deadline, look);
      };
      look();
    });
  }

  /** Rejects with a gRPC ServiceError. */
  unary<T>(method: Method, request: object): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        requireLeader(),
        { deadline: this.#deadline(CALL_TIMEOUT_MS) },
        (error, answer) => (error ? reject(error) : resolve(answer as T)),
      );
    });
  }

  /** A stream both ways; it has no end in time, its connection is watched over. */
  stream(method: Method): ClientDuplexStream<object, object> {
    return this.#client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize, requireLeader());
  }

  /** One question and its answer on a stream; rejects with a gRPC ServiceError. */
  ask<T>(method: Method, request: object): Promise<T> {
    const { path, requestSerialize, responseDeserialize } = method;
    const options = { deadline: this.#deadline(CALL_TIMEOUT_MS) };
    const call = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, requireLeader(), options);
    return new Promise((resolve, reject) => {
      call.on('data', (answer) => {
        resolve(answer as T);
        call.cancel();
      });
      // After the answer this is our own cancellation, and says nothing to a settled promise.
      call.on('error', (error: ServiceError) => reject(error));
      call.on('end', () => reject(new EtcdError('UNAVAILABLE', `${this.url}: the stream ended without an answer`)));
      call.write(request);
    });
  }

  close(): void {
    this.#client.close();
  }

  /** gRPC takes a deadline by the wall clock. */
  #deadline(delay_ms: number): Date {
    return new Date(this.clock.now() + delay_ms);
  }
}

function parseEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = url && (url.protocol === 'http:' || url.protocol === 'https:') && url.pathname === '/' && !url.username && !url.search;
  if (!plain) throw new Error(`${JSON.stringify(text)} is no etcd server: give https://HOST:PORT, or http:// for one without TLS`);
  return url;
}
