// Credentials: what a connection and a request's headers say about who is at the other end.
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../apimachinery/clock.js';
import { authenticated } from '../authentication/authenticator.js';
import type { Credentials } from '../exchange.js';
import type { Call } from './http-server.js';
import { type FrontProxies, remoteUser } from './request-header.js';

interface Presented {
  readonly credentials: Credentials;
  /** It is a front proxy's: who asks is in the headers of each request. */
  readonly frontProxy?: true;
  /** When the certificate ends; a connection may outlive it. */
  readonly notAfter_ms: number;
}

const NONE: Presented = { credentials: {}, notAfter_ms: Number.POSITIVE_INFINITY };

/** Reads each connection's certificate once. */
export class CredentialReader {
  readonly #byConnection = new WeakMap<object, Presented>();

  constructor(
    private readonly clock: Clock,
    private readonly frontProxies: FrontProxies | undefined,
  ) {}

  read(call: Pick<Call, 'connection' | 'socket' | 'headers' | 'rawHeaders'>): Credentials {
    let presented = this.#byConnection.get(call.connection);
    if (!presented) {
      presented = certificateOf(call.socket, this.frontProxies);
      this.#byConnection.set(call.connection, presented);
    }
    if (presented.notAfter_ms < this.clock.now()) return { certificateError: 'it has expired' };
    if (presented.frontProxy) return ofFrontProxy(call.rawHeaders);
    const { authorization } = call.headers;
    if (presented.credentials.certificate || !authorization) return presented.credentials;
    const [scheme, token] = authorization.split(' ', 2);
    return scheme?.toLowerCase() === 'bearer' && token ? { ...presented.credentials, bearer: token } : presented.credentials;
  }
}

function ofFrontProxy(rawHeaders: readonly string[]): Credentials {
  const certificate = remoteUser(rawHeaders);
  return certificate
    ? { certificate: authenticated(certificate) }
    : { certificateError: 'it is of a front proxy, which does not say who asks' };
}

function certificateOf(socket: TLSSocket, frontProxies: FrontProxies | undefined): Presented {
  const certificate = socket.getPeerCertificate();
  if (!certificate?.subject) return NONE;
  const notAfter_ms = Date.parse(certificate.valid_to);
  if (!socket.authorized)
    return { credentials: { certificateError: String(socket.authorizationError) }, notAfter_ms: Number.POSITIVE_INFINITY };
  const proxy = frontProxies?.check(socket);
  if (proxy === 'trusted') return { credentials: {}, notAfter_ms, frontProxy: true };
  if (proxy) return { credentials: { certificateError: proxy.error }, notAfter_ms };
  const { CN, O } = certificate.subject as { CN?: string | string[]; O?: string | string[] };
  const name = [CN ?? []].flat()[0];
  if (!name) return { credentials: { certificateError: 'its subject has no common name' }, notAfter_ms };
  const id = `X509SHA256=${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`;
  const extra = { 'authentication.kubernetes.io/credential-id': [id] };
  return { credentials: { certificate: authenticated({ name, groups: [O ?? []].flat(), extra }) }, notAfter_ms };
}
