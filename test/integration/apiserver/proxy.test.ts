// The proxy subresource of nodes, services and pods, as kubectl proxy, kubectl get --raw and dashboards use it.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { machineAddresses } from '../../../src/cluster/pki.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { services } from '../../../src/kinds/core/service.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { type HttpsServer, startHttpsServer } from '../../suites/https-server.js';
import { Kubectl } from '../../suites/kubectl.js';

let api: TestServer;
let kubectl: Kubectl;
let web: Server;
let kubelet: HttpsServer;
let port: number;

beforeAll(async () => {
  api = await startTestServer();
  kubectl = new Kubectl('1.35', api.kubeconfig, join(api.dir, 'home'));
  web = createServer((incoming, response) => {
    if (incoming.url === '/old') return void response.writeHead(302, { location: '/new?a=b' }).end();
    if (incoming.url === '/away') return void response.writeHead(302, { location: 'https://example.com/new' }).end();
    let body = '';
    incoming.on('data', (chunk) => (body += chunk));
    incoming.on('end', () => {
      response.setHeader('x-served-by', 'web');
      response.end(JSON.stringify({ method: incoming.method, url: incoming.url, headers: incoming.headers, body }));
    });
  });
  web.on('upgrade', (incoming: IncomingMessage, socket: Duplex) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.write(`${incoming.url} `);
    socket.pipe(socket);
  });
  // On all addresses: localhost may be either family's, and pods are not on loopback.
  await new Promise<void>((resolve) => web.listen(0, resolve));
  port = (web.address() as AddressInfo).port;
  kubelet = await startHttpsServer(
    (incoming, _body, response) => {
      const { CN } = (incoming.socket as TLSSocket).getPeerCertificate().subject ?? {};
      response.end(`${CN} asks for ${incoming.url}`);
    },
    { tls: { cert: api.pki.apiserver.cert, key: api.pki.apiserver.key, ca: api.pki.ca.cert, requestCert: true } },
  );
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: kubelet.port } },
  };
  const node = await api.client.create(nodes, { metadata: { name: 'n1' } } as never);
  await api.client.update(nodes, { ...node, status } as never, 'status');
  const spec = { type: 'ExternalName', externalName: 'localhost' };
  await api.client.create(services, { metadata: { name: 'web', namespace: 'default' }, spec } as never);
});
afterAll(async () => {
  await kubelet?.stop();
  web?.closeAllConnections();
  await new Promise((resolve) => web?.close(resolve));
  await api?.stop();
});

const connection = () => ({ ca: api.pki.ca.cert, cert: api.pki.admin.cert, key: api.pki.admin.key, agent: false as const });

async function send(method: string, path: string, { headers = {}, body }: { headers?: { [name: string]: string }; body?: string } = {}) {
  const outgoing = request(`${api.url}${path}`, {
    ...connection(),
    method,
    headers: { ...headers, ...(body ? { 'content-length': String(body.length) } : {}) },
  });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += chunk;
  return { code: response.statusCode, headers: response.headers, text };
}

describe('services/proxy', () => {
  const at = (path: string) => `/api/v1/namespaces/default/services/http:web:${port}/proxy${path}`;

  test.each([
    'GET',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
  ])('passes %s on with path, query, headers and body, and the answer back', async (method) => {
    const body = method === 'GET' ? undefined : 'some bytes';
    const headers = { 'X-Own': 'yes', Authorization: 'Bearer secret', 'Content-Type': 'text/weird' };
    const answer = await send(method, at('/a%2Fb/c//d?watch=true&q=1'), { headers, ...(body ? { body } : {}) });
    expect(answer).toMatchObject({ code: 200, headers: { 'x-served-by': 'web' } });
    const seen = JSON.parse(answer.text);
    expect(seen).toMatchObject({
      method,
      url: '/a%2Fb/c//d?watch=true&q=1',
      body: body ?? '',
      headers: { 'x-own': 'yes', 'content-type': 'text/weird' },
    });
    expect(seen.headers).not.toHaveProperty('authorization');
    expect(seen.headers['x-forwarded-for']).toContain('127.0.0.1');
  });

  test('sends whoever leaves the last slash out where relative links work, and keeps redirects within its place', async () => {
    expect(await send('GET', at('?x=y'))).toMatchObject({ code: 301, headers: { location: at('/?x=y') } });
    expect(await send('GET', at('/old'))).toMatchObject({ code: 302, headers: { location: at('/new?a=b') } });
    expect(await send('GET', at('/away'))).toMatchObject({ code: 302, headers: { location: 'https://example.com/new' } });
  });

  test('passes upgrades through', async () => {
    const upgrade = request(`${api.url}${at('/socket')}`, { ...connection(), headers: { Connection: 'Upgrade', Upgrade: 'echo' } });
    upgrade.end();
    const [, socket, head] = (await once(upgrade, 'upgrade')) as [unknown, Duplex, Buffer];
    socket.write('hello');
    let text = head.toString();
    for await (const data of socket) {
      text += data;
      if (text.endsWith('hello')) break;
    }
    expect(text).toBe('/socket hello');
  });

  test('says what is missing', async () => {
    await api.client.create(services, { metadata: { name: 'empty', namespace: 'default' }, spec: { ports: [{ port: 80 }] } } as never);
    const fails = (name: string) => kubectl.fails(['get', '--raw', `/api/v1/namespaces/default/services/${name}/proxy/`]);
    expect(await fails('empty')).toContain('no endpoints available for service "empty"');
    expect(await fails('empty:99')).toContain('no service port 99 found for service "empty"');
    expect(await fails('none')).toContain('service "none" not found');
    expect(await fails('ftp:web:1')).toContain('invalid service request "ftp:web:1"');
    expect(await fails('http:web:1')).toContain('error trying to reach service: dial tcp localhost:1: connect: connection refused');
  });
});

test('nodes/proxy goes to the kubelet with our certificate, or to any other port of the node', async () => {
  const raw = (name: string) => kubectl.ok(['get', '--raw', `/api/v1/nodes/${name}/proxy/healthz?x=1`]);
  expect(await raw('n1')).toBe('kube-apiserver-kubelet-client asks for /healthz?x=1');
  expect(await raw(`n1:${kubelet.port}`)).toBe('kube-apiserver-kubelet-client asks for /healthz?x=1');
  expect(JSON.parse(await raw(`n1:${port}`))).toMatchObject({ url: '/healthz?x=1' });
  expect(await kubectl.fails(['get', '--raw', '/api/v1/nodes/n2/proxy/'])).toContain('nodes "n2" not found');
});

describe('pods/proxy', () => {
  const [address] = machineAddresses().filter((each) => !each.includes(':'));
  const makePod = async (name: string, podIP: string) => {
    const containers = [{ name: 'c', image: 'i', ports: [{ containerPort: port }] }];
    const pod = await api.client.create(pods, { metadata: { name, namespace: 'default' }, spec: { containers } } as never);
    await api.client.update(pods, { ...pod, status: { ...pod.status, podIP, podIPs: [{ ip: podIP }] } } as never, 'status');
  };

  test.runIf(address)('goes to the first port that the pod names, or the one asked for', async () => {
    await makePod('p', address!);
    for (const name of ['p', `p:${port}`, `http:p:${port}`]) {
      expect(JSON.parse(await kubectl.ok(['get', '--raw', `/api/v1/namespaces/default/pods/${name}/proxy/x`]))).toMatchObject({
        url: '/x',
      });
    }
  });

  test('never to the API server’s own loopback', async () => {
    await makePod('sly', '127.0.0.1');
    expect(await kubectl.fails(['get', '--raw', '/api/v1/namespaces/default/pods/sly/proxy/'])).toContain('address not allowed');
  });
});

test('kubectl proxy reaches it all', async () => {
  const proxy = kubectl.spawn(['proxy', '--port=0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [chunk] = (await once(proxy.stdout!, 'data')) as [Buffer];
    const base = `http://${/127\.0\.0\.1:\d+/.exec(chunk.toString())![0]}`;
    const answer = await fetch(`${base}/api/v1/namespaces/default/services/http:web:${port}/proxy/page?a=1`);
    expect(await answer.json()).toMatchObject({ url: '/page?a=1' });
  } finally {
    proxy.kill();
    await once(proxy, 'close');
  }
});
