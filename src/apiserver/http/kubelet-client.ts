// How the API server speaks to kubelets: with its own certificate, and only to those whose certificate the cluster's CA signed.
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import { badRequest, internalError, StatusError } from '../../apimachinery/status.js';
import type { KubeletTarget } from '../kubelet-target.js';
import type { ApiServerOptions } from '../options.js';

/** A kubelet that is there answers a connection at once. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Longest error text that is read from a kubelet. */
const MAX_ERROR_LENGTH = 4096;

type Credentials = ApiServerOptions['kubeletClient'];

/** A connection on which nothing has been sent yet. Rejects with a StatusError that names the node. */
export function dialKubelet(target: KubeletTarget, credentials: Credentials): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const { host, port } = target;
    const socket = connect({ host, port, ...credentials, ALPNProtocols: ['http/1.1'], timeout: CONNECT_TIMEOUT_MS });
    socket.once('secureConnect', () => {
      socket.setTimeout(0);
      socket.removeAllListeners('timeout');
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('timeout', () => socket.destroy(new Error(`no connection within ${CONNECT_TIMEOUT_MS / 1000} s`)));
    socket.once('error', (error) => reject(unreachable(target, error)));
  });
}

/** GET of a path of the kubelet's; resolves with the answer's body as a stream once it has begun. */
export function getFromKubelet(target: KubeletTarget, credentials: Credentials): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { host, port, path } = target;
    const outgoing = request({ host, port, path, ...credentials, agent: false, timeout: CONNECT_TIMEOUT_MS });
    outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer within ${CONNECT_TIMEOUT_MS / 1000} s`)));
    outgoing.once('error', (error) => reject(unreachable(target, error)));
    outgoing.once('response', (response) => {
      // A followed log may be silent for long.
      outgoing.setTimeout(0);
      if (response.statusCode === 200) resolve(response);
      else refusal(response).then(reject, (error: Error) => reject(unreachable(target, error)));
    });
    outgoing.end();
  });
}

/** POST that the kubelet turns into another protocol. Rejects with its refusal as a StatusError. */
export function upgradeAtKubelet(
  target: KubeletTarget,
  credentials: Credentials,
  headers: { readonly [name: string]: string },
): Promise<{ readonly socket: Duplex; readonly head: Buffer }> {
  return new Promise((resolve, reject) => {
    const { host, port, path } = target;
    const outgoing = request({ method: 'POST', host, port, path, headers, ...credentials, agent: false, timeout: CONNECT_TIMEOUT_MS });
    outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer within ${CONNECT_TIMEOUT_MS / 1000} s`)));
    outgoing.once('error', (error) => reject(unreachable(target, error)));
    outgoing.once('upgrade', (_response, socket, head) => {
      socket.removeAllListeners('timeout');
      (socket as TLSSocket).setTimeout(0);
      resolve({ socket, head });
    });
    outgoing.once('response', (response) => refusal(response).then(reject, (error: Error) => reject(unreachable(target, error))));
    outgoing.end();
  });
}

function unreachable({ node, host, port }: KubeletTarget, error: Error): StatusError {
  return new StatusError(
    500,
    'InternalError',
    `error dialing backend: the kubelet of node ${node} at ${host}:${port} cannot be reached: ${error.message}`,
  );
}

/** The kubelet's own reason, as text, in a Status. */
async function refusal(response: IncomingMessage): Promise<StatusError> {
  let text = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    text += chunk;
    if (text.length > MAX_ERROR_LENGTH) break;
  }
  text = text.slice(0, MAX_ERROR_LENGTH).trim();
  if (response.statusCode === 400) return badRequest(text);
  if (response.statusCode === 404) return new StatusError(404, 'NotFound', text || 'the kubelet does not know it');
  return internalError(text || `the kubelet answered ${response.statusCode}`);
}
