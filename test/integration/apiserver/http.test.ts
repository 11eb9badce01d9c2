// The API server on the wire: users, limits, HTTP/1.1 and HTTP/2, watches as streams, and tunnels to a kubelet.
import { createHash } from 'node:crypto';
import { type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { createServer, type RequestOptions, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../../src/apimachinery/clock.js';
import { makeAuthority, makeCertificate, makeKey, publicKeyOf } from '../../../src/client/certificates.js';
import { createMemoryBackend } from '../../../src/etcd/memory.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { secrets } from '../../../src/kinds/core/secret.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';

let api: TestServer;

beforeAll(async () => {
  api = await startTestServer();
});
afterAll(() => api?.stop());

interface Answer {
  readonly code: number;
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  readonly text: string;
}

/** One HTTP/1.1 request; as the administrator unless `options` say otherwise. */
function http(method: string, path: string, options: RequestOptions & { body?: string | Buffer } = {}): Promise<Answer> {
  const { body, ...rest } = options;
  const { ca, admin } = api.pki;
  return new Promise((resolve, reject) => {
    const outgoing = request(`${api.url}${path}`, { method, ca: ca.cert, agent: false, ...admin, ...rest }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ code: response.statusCode!, headers: response.headers, text }));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
const NOBODY = { cert: undefined, key: undefined };
const message = ({ text }: Answer) => (JSON.parse(text) as { message: string }).message;

async function certificateOf(commonName: string, issuer = api.pki.ca) {
  const key = makeKey();
  const options = { subject: { commonName }, usages: ['client auth'] as const, publicKey: publicKeyOf(key), issuer, random: systemRandom };
  return { key, cert: await makeCertificate({ ...options, now_ms: systemClock.now(), validFor_ms: 3600_000 }) };
}

describe('users', () => {
  it('that show nothing are anonymous, and may ask whether the server is well', async () => {
    const refused = await http('GET', '/api/v1/pods', NOBODY);
    expect(refused.code).toBe(403);
    expect(message(refused)).toBe(
      'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" at the cluster scope',
    );
    for (const path of ['/livez', '/readyz', '/healthz', '/version']) expect((await http('GET', path, NOBODY)).code).toBe(200);
    expect(message(await http('GET', '/metrics', NOBODY))).toBe('forbidden: User "system:anonymous" cannot get path "/metrics"');
  });

  it('show a certificate of the cluster’s CA, and of no other', async () => {
    expect((await http('GET', '/api', await certificateOf('jane'))).code).toBe(200);
    expect(message(await http('GET', '/api/v1/pods', await certificateOf('jane')))).toContain('User "jane" cannot list resource "pods"');
    const key = makeKey();
    const foreign = await makeAuthority({
      commonName: 'kubernetes',
      key,
      now_ms: systemClock.now(),
      validFor_ms: 3600_000,
      random: systemRandom,
    });
    const answer = await http('GET', '/api/v1/pods', await certificateOf('jane', { cert: foreign, key }));
    expect(answer.code).toBe(401);
    expect(message(answer)).toContain('the client certificate is not valid');
  });

  it('may join with a token that is right, and has not expired', async () => {
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const make = (id: string, expiration: string) =>
      client().create(secrets, {
        metadata: { namespace: 'kube-system', name: `bootstrap-token-${id}` },
        type: 'bootstrap.kubernetes.io/token',
        data: {
          'token-id': base64(id),
          'token-secret': base64('0123456789abcdef'),
          'usage-bootstrap-authentication': base64('true'),
          expiration: base64(expiration),
        },
      });
    await make('aaaaaa', '2999-01-01T00:00:00Z');
    await make('bbbbbb', '2001-01-01T00:00:00Z');
    const ask = (token: string, path = '/apis/certificates.k8s.io/v1/certificatesigningrequests') =>
      http('GET', path, { ...NOBODY, headers: { authorization: `Bearer ${token}` } });
    expect((await ask('aaaaaa.0123456789abcdef')).code).toBe(200);
    expect((await ask('aaaaaa.0123456789abcdef', '/api/v1/secrets')).code).toBe(403);
    for (const token of ['aaaaaa.0123456789abcdeX', 'aaaaaa.fedcba9876543210', 'bbbbbb.0123456789abcdef', 'cccccc.0123456789abcdef', 'x']) {
      expect((await ask(token)).code).toBe(401);
    }
  });
});

const client = () => api.client;

describe('limits', () => {
  it('on bodies, types and forms are told by Kubernetes’ codes', async () => {
    const path = '/api/v1/namespaces/default/configmaps';
    const json = { 'content-type': 'application/json' };
    const tooBig = JSON.stringify({ metadata: { name: 'big' }, data: { a: 'x'.repeat(3 * 1024 * 1024) } });
    expect(await http('POST', path, { body: tooBig, headers: json })).toMatchObject({ code: 413 });
    expect((await http('POST', path, { body: '{', headers: json })).code).toBe(400);
    expect((await http('POST', path, { body: '{}', headers: { 'content-type': 'text/plain' } })).code).toBe(415);
    expect((await http('GET', path, { headers: { accept: 'text/html' } })).code).toBe(406);
    expect((await http('GET', '/api/v1/pods/%zz')).code).toBe(400);
    expect((await http('GET', '/nowhere')).code).toBe(404);
    for (const method of ['OPTIONS', 'PROPFIND', 'TRACE', 'PUT', 'PATCH']) {
      expect(await http(method, path, method.startsWith('P') ? { body: '{}', headers: json } : {}), method).toMatchObject({
        code: 405,
        text: expect.stringContaining('"reason":"MethodNotAllowed"'),
      });
    }
    expect(
      await http('POST', path, {
        body: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-yaml}\n',
        headers: { 'content-type': 'application/yaml' },
      }),
    ).toMatchObject({ code: 201 });
  });

  it('warns about fields that are dropped', async () => {
    const body = JSON.stringify({ metadata: { name: 'w' }, dta: {} });
    const answer = await http('POST', '/api/v1/namespaces/default/configmaps', { body, headers: { 'content-type': 'application/json' } });
    expect(answer).toMatchObject({ code: 201, headers: { warning: '299 - "unknown field \\"dta\\""' } });
  });
});

describe('forms', () => {
  it('of objects and lists are as asked for', async () => {
    const get = (path: string, accept: string) => http('GET', `/api/v1/namespaces${path}`, { headers: { accept } });
    expect((await get('/default', 'application/yaml')).text).toContain('kind: Namespace\n');
    const table = JSON.parse((await get('', 'application/json;as=Table;v=v1;g=meta.k8s.io')).text);
    expect(table).toMatchObject({ kind: 'Table', metadata: { resourceVersion: expect.stringMatching(/^\d+$/) } });
    expect(table.rows[0].object.kind).toBe('PartialObjectMetadata');
    const partial = JSON.parse((await get('', 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io')).text);
    expect(partial.kind).toBe('PartialObjectMetadataList');
    expect(partial.items[0]).not.toHaveProperty('spec');
  });

  it('of discovery are plain and aggregated, and not sent again while they are the same', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const answer = await http('GET', '/apis', { headers: { accept } });
    expect(answer.headers['content-type']).toBe('application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList');
    const { items } = JSON.parse(answer.text) as { items: { metadata: { name: string } }[] };
    expect(items.map(({ metadata }) => metadata.name)).toContain('apps');
    const again = await http('GET', '/apis', { headers: { accept, 'if-none-match': String(answer.headers['etag']) } });
    expect(again).toMatchObject({ code: 304, text: '' });
    expect(JSON.parse((await http('GET', '/apis')).text)).toMatchObject({ kind: 'APIGroupList' });
  });

  it('of OpenAPI name what patches and server-side validation need', async () => {
    const { paths } = JSON.parse((await http('GET', '/openapi/v3')).text) as { paths: { [name: string]: { serverRelativeURL: string } } };
    const document = JSON.parse((await http('GET', paths['apis/apps/v1']!.serverRelativeURL)).text);
    const patch = document.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'].patch;
    expect(patch['x-kubernetes-group-version-kind']).toEqual({ group: 'apps', version: 'v1', kind: 'Deployment' });
    expect(patch.parameters.map(({ name }: { name: string }) => name)).toContain('fieldValidation');
    const { properties } = document.components.schemas['io.k8s.api.core.v1.PodSpec'];
    expect(properties.containers).toMatchObject({ 'x-kubernetes-patch-strategy': 'merge', 'x-kubernetes-patch-merge-key': 'name' });
  });
});

describe('HTTP/2', () => {
  it('carries many watches on one connection, each getting every event', async () => {
    const { ca, admin } = api.pki;
    const session = connectHttp2(api.url, { ca: ca.cert, ...admin });
    const { resourceVersion } = await client().list(configMaps);
    const watch = () =>
      new Promise<string[]>((resolve) => {
        const stream = session.request({ ':path': `/api/v1/configmaps?watch=1&resourceVersion=${resourceVersion}&labelSelector=w` });
        let text = '';
        stream.on('data', (chunk) => {
          text += chunk;
          const lines = text.split('\n').slice(0, -1);
          if (lines.length < 50) return;
          resolve(lines.map((line) => JSON.parse(line).object.metadata.name));
          stream.close();
        });
        stream.end();
      });
    const watches = Promise.all(Array.from({ length: 20 }, watch));
    const names = Array.from({ length: 50 }, (_, i) => `h2-${i}`);
    for (const name of names) await client().create(configMaps, { metadata: { name, namespace: 'default', labels: { w: '' } } });
    for (const seen of await watches) expect(seen).toEqual(names);
    session.destroy();
  });
});

describe('HTTP/2 by hand', () => {
  const path = '/api/v1/namespaces/default/configmaps';
  const tooBig = Buffer.alloc(3 * 1024 * 1024 + 1, 0x20);

  it('refuses a body that is too large, whether it says so or not, and goes on with the connection', async () => {
    const { ca, admin } = api.pki;
    const session = connectHttp2(api.url, { ca: ca.cert, ...admin });
    const post = (headers: object, body: Buffer | string) =>
      endOfHttp2(session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/json', ...headers }), body);
    expect(await post({ 'content-length': tooBig.length }, tooBig)).toMatchObject({ status: 413 });
    expect(await post({}, tooBig)).toMatchObject({ status: 413 });
    expect(await post({}, '{"metadata":{"name":"after-large"}}')).toEqual({ status: 201, clean: true });
    expect(await endOfHttp2(session.request({ ':method': 'HEAD', ':path': `${path}/after-large` }))).toEqual({ status: 200, clean: true });
    expect(await endOfHttp2(session.request({ ':method': 'OPTIONS', ':path': path }))).toMatchObject({ status: 405 });
    session.destroy();
  });

  it('has a client go on that waits to be told so', async () => {
    const { ca, admin } = api.pki;
    const session = connectHttp2(api.url, { ca: ca.cert, ...admin });
    const stream = session.request({ ':method': 'POST', ':path': path, expect: '100-continue' });
    await new Promise<void>((resolve) => stream.once('continue', resolve));
    expect(await endOfHttp2(stream, '{"metadata":{"name":"was-waiting"}}')).toEqual({ status: 201, clean: true });
    session.destroy();
  });

  it('stores nothing of a body that breaks off', async () => {
    const { ca, admin } = api.pki;
    const session = connectHttp2(api.url, { ca: ca.cert, ...admin });
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/json' });
    stream.on('error', () => {});
    await new Promise<void>((resolve) => stream.write('{"metadata":{"name":"half"}}', () => resolve()));
    session.destroy();
    await new Promise<void>((resolve) => stream.once('close', resolve));
    const other = connectHttp2(api.url, { ca: ca.cert, ...admin });
    expect(await endOfHttp2(other.request({ ':path': `${path}/half` }))).toMatchObject({ status: 404 });
    other.destroy();
  });
});

describe('a kubelet', () => {
  let kubelet: ReturnType<typeof createServer>;
  const asked: { url: string; user: string; headers: object }[] = [];
  const pod = (name: string, spec: object = {}) => ({
    metadata: { name, namespace: 'default' },
    spec: { nodeName: 'node-1', containers: [{ name: 'a', image: 'i' }], ...spec },
  });

  beforeAll(async () => {
    const key = makeKey();
    const { ca } = api.pki;
    const cert = await makeCertificate({
      subject: { commonName: 'system:node:node-1' },
      altNames: { dns: [], ips: ['127.0.0.1'] },
      usages: ['server auth'],
      publicKey: publicKeyOf(key),
      issuer: ca,
      now_ms: systemClock.now(),
      validFor_ms: 3600_000,
      random: systemRandom,
    });
    kubelet = createServer({ cert, key, ca: ca.cert, requestCert: true, rejectUnauthorized: true });
    const note = (url: string, socket: Duplex, headers: object) =>
      asked.push({ url, user: String((socket as TLSSocket).getPeerCertificate().subject.CN), headers });
    kubelet.on('request', (incoming, response) => {
      note(incoming.url!, incoming.socket, incoming.headers);
      if (incoming.url!.includes('waiting')) {
        response.writeHead(400).end('container "a" in pod "waiting" is waiting to start: ContainerCreating');
      } else {
        response.writeHead(200, { 'content-type': 'text/plain' });
        response.write('line 1\n');
        setImmediate(() => response.end('line 2\n'));
      }
    });
    kubelet.on('upgrade', (incoming, socket) => {
      note(incoming.url!, socket, incoming.headers);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      socket.pipe(socket);
    });
    await new Promise<void>((resolve) => kubelet.listen(0, '127.0.0.1', resolve));
    const { port } = kubelet.address() as AddressInfo;
    const addresses = [{ type: 'InternalIP', address: '127.0.0.1' }];
    const node = await client().create(nodes, { metadata: { name: 'node-1' } });
    await client().update(nodes, { ...node, status: { addresses, daemonEndpoints: { kubeletEndpoint: { Port: port } } } }, 'status');
    await client().create(pods, pod('p'));
    await client().create(pods, pod('waiting'));
    await client().create(pods, pod('lost', { nodeName: 'node-9' }));
  });
  afterAll(() => {
    kubelet?.closeAllConnections();
    kubelet?.close();
  });

  it('is asked for logs, by the API server’s own certificate', async () => {
    const answer = await http('GET', '/api/v1/namespaces/default/pods/p/log?follow=true&tailLines=5&x=y');
    expect(answer).toMatchObject({ code: 200, text: 'line 1\nline 2\n', headers: { 'content-type': 'text/plain' } });
    expect(asked.at(-1)).toMatchObject({
      url: '/containerLogs/default/p/a?tailLines=5&follow=true',
      user: 'kube-apiserver-kubelet-client',
    });
  });

  it('gives its reasons in a Status', async () => {
    const answer = await http('GET', '/api/v1/namespaces/default/pods/waiting/log');
    expect(answer.code).toBe(400);
    expect(message(answer)).toBe('container "a" in pod "waiting" is waiting to start: ContainerCreating');
    expect(message(await http('GET', '/api/v1/namespaces/default/pods/lost/log'))).toBe('nodes "node-9" not found');
  });

  it('gets upgraded connections unchanged, both ways', async () => {
    const { ca, admin } = api.pki;
    const headers = { connection: 'Upgrade', upgrade: 'echo', 'x-stream-protocol-version': 'v4', authorization: 'Bearer secret' };
    const path = '/api/v1/namespaces/default/pods/p/exec?command=echo&command=a%20b&stdin=true&stdout=1&tty=false';
    const socket = await new Promise<Duplex>((resolve, reject) => {
      const outgoing = request(`${api.url}${path}`, { method: 'POST', ca: ca.cert, ...admin, agent: false, headers });
      outgoing.on('upgrade', (_response, upgraded) => resolve(upgraded));
      outgoing.on('response', (response) => reject(new Error(`not upgraded: ${response.statusCode}`)));
      outgoing.on('error', reject);
      outgoing.end();
    });
    const sent = Buffer.from(systemRandom.bytes(300_000));
    const received: Buffer[] = [];
    const done = new Promise<void>((resolve) => {
      let length = 0;
      socket.on('data', (chunk: Buffer) => {
        received.push(chunk);
        length += chunk.length;
        if (length === sent.length) resolve();
      });
    });
    socket.write(sent);
    await done;
    expect(sha(Buffer.concat(received))).toBe(sha(sent));
    socket.destroy();
    const last = asked.at(-1)!;
    expect(last.url).toBe('/exec/default/p/a?command=echo&command=a+b&stdin=true&input=1&stdout=true&output=1');
    expect(last.headers).toMatchObject({ 'x-stream-protocol-version': 'v4' });
    expect(last.headers).not.toHaveProperty('authorization');
  });

  it('is not bothered by requests that are no upgrade, or by users who are nobody', async () => {
    expect(message(await http('POST', '/api/v1/namespaces/default/pods/p/exec?command=ls'))).toBe('Upgrade request required');
    const headers = { connection: 'Upgrade', upgrade: 'echo' };
    expect((await http('GET', '/api/v1/namespaces/default/pods/p/exec?command=ls', { ...NOBODY, headers })).code).toBe(403);
    expect((await http('GET', '/api/v1/namespaces/default/pods/nope/exec?command=ls', { headers })).code).toBe(404);
  });

  it('that cannot be reached is named', async () => {
    const node = await client().create(nodes, { metadata: { name: 'node-2' } });
    const status = { addresses: [{ type: 'InternalIP', address: '127.0.0.1' }], daemonEndpoints: { kubeletEndpoint: { Port: 1 } } };
    await client().update(nodes, { ...node, status }, 'status');
    await client().create(pods, pod('unreachable', { nodeName: 'node-2' }));
    const answer = await http('GET', '/api/v1/namespaces/default/pods/unreachable/log');
    expect(answer.code).toBe(500);
    expect(message(answer)).toContain('error dialing backend: the kubelet of node node-2 at 127.0.0.1:1 cannot be reached');
  });
});

const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('stopping', () => {
  it('lets requests in flight finish and watches end in good order, over HTTP/1.1 and HTTP/2', async () => {
    const backend = await createMemoryBackend({ clock: systemClock });
    const txn = backend.txn.bind(backend);
    const waiting: (() => void)[] = [];
    const [held, release] = [new Held(2), new Held(1)];
    backend.txn = async (request) => {
      if (!request.success.some((operation) => operation.type === 'put' && operation.key.startsWith('/registry/configmaps/default/slow')))
        return txn(request);
      held.count();
      await new Promise<void>((resolve) => waiting.push(resolve));
      return txn(request);
    };
    const other = await startTestServer({ backend });
    const { ca, admin } = other.pki;
    const tls = { ca: ca.cert, ...admin };
    const body = (name: string) => JSON.stringify({ metadata: { name } });
    const path = '/api/v1/namespaces/default/configmaps';

    const watch1 = endOfHttp1(request(`${other.url}${path}?watch=1`, { ...tls, agent: false }), () => release.count());
    const create1 = endOfHttp1(
      request(`${other.url}${path}`, { ...tls, method: 'POST', agent: false, headers: { 'content-type': 'application/json' } }),
      undefined,
      body('slow-1'),
    );
    const session = connectHttp2(other.url, tls);
    const watch2 = session.request({ ':path': `${path}?watch=1` });
    const watched2 = endOfHttp2(watch2);
    const create2 = endOfHttp2(session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/json' }), body('slow-2'));
    await Promise.all([held.reached, release.reached, new Promise((resolve) => watch2.once('response', resolve))]);

    const stopped = other.stop();
    expect(await watched2).toEqual({ status: 200, clean: true });
    expect(await watch1).toEqual({ status: 200, clean: true });
    for (const go of waiting) go();
    expect(await create1).toEqual({ status: 201, clean: true });
    expect(await create2).toEqual({ status: 201, clean: true });
    await stopped;
    session.destroy();
  });

  it('ends watches, finishes requests, and frees the port for the next', async () => {
    const other = await startTestServer();
    const port = Number(new URL(other.url).port);
    const { ca, admin } = other.pki;
    const session = connectHttp2(other.url, { ca: ca.cert, ...admin });
    session.on('error', () => {});
    const stream = session.request({ ':path': '/api/v1/pods?watch=1' });
    const ended = new Promise<void>((resolve) => stream.on('close', resolve));
    await new Promise((resolve) => stream.once('response', resolve));
    stream.resume();
    await other.stop();
    await ended;
    session.destroy();
    const next = await startTestServer({ bind: { address: '127.0.0.1', port } });
    await expect(startTestServer({ bind: { address: '127.0.0.1', port } })).rejects.toThrow(`port ${port} on 127.0.0.1 is already in use`);
    await next.stop();
  });
});

/** Resolves when it has been counted so often. */
class Held {
  readonly reached: Promise<void>;
  #resolve!: () => void;
  constructor(private left: number) {
    this.reached = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }
  count(): void {
    if (--this.left === 0) this.#resolve();
  }
}

interface End {
  readonly status: number;
  /** The last byte came, not a reset. */
  readonly clean: boolean;
}

function endOfHttp1(outgoing: ReturnType<typeof request>, onResponse?: () => void, body?: string): Promise<End> {
  return new Promise((resolve, reject) => {
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      onResponse?.();
      response.resume();
      response.on('error', () => {});
      response.on('close', () => resolve({ status: response.statusCode!, clean: response.complete }));
    });
    outgoing.end(body);
  });
}

function endOfHttp2(stream: ClientHttp2Stream, body?: string | Buffer): Promise<End> {
  return new Promise((resolve) => {
    let [status, ended] = [0, false];
    stream.on('response', (headers) => {
      status = Number(headers[':status']);
    });
    stream.on('end', () => {
      ended = true;
    });
    stream.on('error', () => {});
    stream.on('close', () => resolve({ status, clean: ended && stream.rstCode === 0 }));
    stream.resume();
    stream.end(body);
  });
}
