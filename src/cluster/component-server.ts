// serveComponent: the HTTPS port of a component that is a process of its own: its health for probes, its metrics for whoever may see them, and
// what else the component has to say.
import type { IncomingMessage } from 'node:http';
import { createServer, type Server } from 'node:https';
import { hostname } from 'node:os';
import type { TLSSocket } from 'node:tls';
import type { Clock, Random } from '../apimachinery/clock.js';
import { Exposition } from '../apimachinery/exposition.js';
import { writeProcess } from '../apimachinery/process-metrics.js';
import { StatusError } from '../apimachinery/status.js';
import { makeAuthority, makeKey } from '../client/certificates.js';
import type { Client } from '../client/client.js';
import { tokenReviews } from '../kinds/authentication/tokenreview.js';
import { subjectAccessReviews } from '../kinds/authorization/subjectaccessreview.js';

/** Upstream makes a certificate in memory at each start, too, where it is given none. */
const CERTIFICATE_LIFE_ms = 365 * 24 * 3600_000;
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain; charset=utf-8';
/** As the API server's for one object. */
const BODY_MAX_BYTES = 3 << 20;
/** Upstream's --authorization-always-allow-paths. */
const HEALTH_PATHS = new Set(['/healthz', '/livez', '/readyz']);

/** Where it listens. */
export interface ComponentListen {
  readonly address: string;
  readonly port: number;
  /** PEM; absent: made at the start, and vouched for by nobody. */
  readonly serving?: { readonly cert: string; readonly key: string };
}

export interface ComponentServerOptions extends ComponentListen {
  /** PEM: whoever shows a certificate of it is whom that names. */
  readonly clientCa: string;
  /** Asked who a token is of, and who may see metrics. */
  readonly client: Client;
  readonly writeMetrics: (out: Exposition) => void;
  /** Other paths of the component's; it asks `may` itself. Undefined: none of its. Rejects with a StatusError. */
  readonly more?: (request: ComponentRequest) => Promise<object> | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

export interface ComponentRequest {
  readonly method: string;
  readonly path: string;
  /** Rejects past some bound. */
  body(): Promise<string>;
  /** Rejects with 403 where the user may not. */
  may(attributes: ResourceAttributes): Promise<void>;
}

interface ResourceAttributes {
  readonly verb: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace: string;
  readonly name?: string;
}

interface User {
  readonly user: string;
  readonly groups: readonly string[];
}

interface Answer {
  readonly code: number;
  readonly type?: string;
  readonly text: string;
}

/** Rejects where it cannot listen there. */
export async function serveComponent(options: ComponentServerOptions): Promise<{ close(): Promise<void> }> {
  const { address, port, clientCa } = options;
  const serving = options.serving ?? (await madeInMemory(options));
  const server = createServer({ ...serving, ca: clientCa, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    void answer(options, request).then(({ code, type = TEXT_TYPE, text }) => response.writeHead(code, { 'content-type': type }).end(text));
  });
  await listening(server, port, address);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function madeInMemory({ clock, random }: ComponentServerOptions) {
  const key = makeKey();
  const cert = await makeAuthority({ commonName: hostname(), key, now_ms: clock.now(), validFor_ms: CERTIFICATE_LIFE_ms, random });
  return { cert, key };
}

function listening(server: Server, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
}

async function answer(options: ComponentServerOptions, request: IncomingMessage): Promise<Answer> {
  const path = (request.url ?? '/').split('?')[0]!;
  if (HEALTH_PATHS.has(path)) return { code: 200, text: 'ok' };
  try {
    const user = userOfCertificate(request.socket as TLSSocket) ?? (await userOfToken(options.client, request.headers.authorization));
    if (!user) return { code: 401, text: 'Unauthorized\n' };
    const more = options.more?.({
      method: request.method ?? 'GET',
      path,
      body: () => bodyOf(request),
      may: (attributes) => mustBeAllowed(options.client, user, attributes),
    });
    if (more) return await more.then(asJson, asJsonError);
    if (!(await mayGet(options.client, user, path)))
      return { code: 403, text: `Forbidden: User "${user.user}" cannot get path "${path}"\n` };
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { code: 500, text: `${error.message}\n` };
  }
  if (path !== '/metrics') return { code: 404, text: '404 page not found\n' };
  const out = new Exposition();
  options.writeMetrics(out);
  writeProcess(out, options.clock.now());
  return { code: 200, type: METRICS_TYPE, text: out.toString() };
}

function userOfCertificate(socket: TLSSocket): User | undefined {
  if (!socket.authorized) return undefined;
  const { subject } = socket.getPeerCertificate();
  const organizations = subject.O as string | readonly string[] | undefined;
  return { user: String(subject.CN), groups: organizations === undefined ? [] : [organizations].flat() };
}

async function userOfToken(client: Client, authorization = ''): Promise<User | undefined> {
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (token === undefined) return undefined;
  const { status } = await client.create(tokenReviews, { metadata: {}, spec: { token } } as never);
  return status?.authenticated ? { user: status.user.username ?? '', groups: status.user.groups ?? [] } : undefined;
}

const asJson = (value: object): Answer => ({ code: 200, type: JSON_TYPE, text: JSON.stringify(value) });

function asJsonError(error: unknown): Answer {
  if (!(error instanceof StatusError)) throw error;
  return { code: error.code, type: JSON_TYPE, text: JSON.stringify(error.toStatus()) };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > BODY_MAX_BYTES)
      throw new StatusError(413, 'RequestEntityTooLarge', `the body is longer than ${BODY_MAX_BYTES} bytes`);
  }
  return text;
}

async function mustBeAllowed(client: Client, user: User, resourceAttributes: ResourceAttributes): Promise<void> {
  const { status } = await client.create(subjectAccessReviews, { metadata: {}, spec: { ...user, resourceAttributes } } as never);
  const { verb, resource, namespace } = resourceAttributes;
  if (!status.allowed)
    throw new StatusError(403, 'Forbidden', `User "${user.user}" cannot ${verb} resource "${resource}" in the namespace "${namespace}"`);
}

async function mayGet(client: Client, user: User, path: string): Promise<boolean> {
  const spec = { ...user, nonResourceAttributes: { path, verb: 'get' } };
  const { status } = await client.create(subjectAccessReviews, { metadata: {}, spec } as never);
  return status.allowed;
}
