// API aggregation as metrics-server and its like need it: a real server behind an APIService, met through kubectl and raw requests.
import { once } from 'node:events';
import { request } from 'node:https';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiClient } from '../../../src/client/api-client.js';
import { apiServices, availableCondition } from '../../../src/kinds/apiregistration/apiservice.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { endpoints } from '../../../src/kinds/core/endpoints.js';
import { services } from '../../../src/kinds/core/service.js';
import { defineKind } from '../../../src/kinds/define.js';
import { GROUP_MASTERS } from '../../../src/kinds/wellknown.js';
import { type AggregatedServer, GROUP, startAggregatedServer, VERSION } from '../../suites/aggregated-server.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { startHttpsServer } from '../../suites/https-server.js';
import { Kubectl } from '../../suites/kubectl.js';

const NAME = `${VERSION}.${GROUP}`;
const WIDGETS = `/apis/${GROUP}/${VERSION}/namespaces/default/widgets`;
const widgets = defineKind({ group: GROUP, version: VERSION, kind: 'Widget', plural: 'widgets', namespaced: true, schema: '' });
let api: TestServer;
let server: AggregatedServer;
let kubectl: Kubectl;

beforeAll(async () => {
  api = await startTestServer();
  server = await startAggregatedServer(api.pki.frontProxy.ca.cert);
  kubectl = new Kubectl('1.35', api.kubeconfig, join(api.dir, 'home'));
});
afterAll(async () => {
  await server?.stop();
  await api?.stop();
});

/** Resolves once the APIService's condition is as wanted. */
async function condition(wanted: object): Promise<void> {
  await expect
    .poll(async () => availableCondition(await api.client.get(apiServices, { name: NAME })), { timeout: 20_000, interval: 50 })
    .toMatchObject(wanted);
}

const connection = () => ({ ca: api.pki.ca.cert, cert: api.pki.admin.cert, key: api.pki.admin.key, agent: false as const });

async function get(path: string, headers: { [name: string]: string } = {}) {
  const outgoing = request(`${api.url}${path}`, { ...connection(), headers });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [import('node:http').IncomingMessage];
  let text = '';
  for await (const chunk of response) text += chunk;
  return { code: response.statusCode, headers: response.headers, text };
}

test('this server’s own group versions are Local, and how it vouches for users is published', async () => {
  const table = await kubectl.ok(['get', 'apiservices']);
  expect(table).toMatch(/^NAME +SERVICE +AVAILABLE +AGE\n/);
  expect(table).toMatch(/\nv1\. +Local +True +/);
  expect(table).toMatch(/\nv1\.apps +Local +True +/);
  expect((await api.client.get(apiServices, { name: 'v1.apps' })).spec).toMatchObject({
    group: 'apps',
    version: 'v1',
    groupPriorityMinimum: 17800,
  });
  const { data } = await api.client.get(configMaps, { namespace: 'kube-system', name: 'extension-apiserver-authentication' });
  expect(data).toMatchObject({
    'client-ca-file': api.pki.ca.cert,
    'requestheader-client-ca-file': api.pki.frontProxy.ca.cert,
    'requestheader-allowed-names': '["front-proxy-client"]',
    'requestheader-username-headers': '["X-Remote-User"]',
  });
});

describe('an APIService with a Service', () => {
  const spec = () => ({
    group: GROUP,
    version: VERSION,
    groupPriorityMinimum: 100,
    versionPriority: 100,
    service: { namespace: 'default', name: 'widgets', port: server.port },
    caBundle: server.caBundle,
  });

  test('is not available while its Service is missing', async () => {
    await api.client.create(apiServices, { metadata: { name: NAME }, spec: spec() } as never);
    await condition({ status: 'False', reason: 'ServiceNotFound', message: 'service/widgets in "default" is not present' });
    expect(await get(WIDGETS)).toMatchObject({ code: 503, text: 'service unavailable\n' });
    expect(await kubectl.ok(['get', 'apiservice', NAME])).toMatch(/default\/widgets +False \(ServiceNotFound\)/);
  });

  // Endpoints may not be of loopback, where the server listens: that it is looked for at the right place must do.
  const own = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  test.skipIf(!own)('is not available while its Service has no endpoints, and looked for by those that somebody has written', async () => {
    const { port } = server;
    await api.client.create(services, { metadata: { name: 'widgets', namespace: 'default' }, spec: { ports: [{ port }] } } as never);
    await condition({ status: 'False', reason: 'EndpointsNotFound' });
    const subsets = [{ addresses: [{ ip: own }], ports: [{ port }] }];
    await api.client.create(endpoints, { metadata: { name: 'widgets', namespace: 'default' }, subsets } as never);
    await condition({ status: 'False', reason: 'FailedDiscoveryCheck', message: expect.stringContaining(`https://${own}:${port}/`) });
    await api.client.delete(endpoints, { name: 'widgets', namespace: 'default' });
    await api.client.delete(services, { name: 'widgets', namespace: 'default' });
    await condition({ status: 'False', reason: 'ServiceNotFound' });
  });

  test('becomes available with it, and its resources are found by their short names', async () => {
    await api.client.create(services, {
      metadata: { name: 'widgets', namespace: 'default' },
      spec: { type: 'ExternalName', externalName: 'localhost' },
    } as never);
    await condition({ status: 'True', reason: 'Passed', message: 'all checks passed' });
    expect(await kubectl.ok(['get', 'wd', '-o', 'name'])).toBe(`widget.${GROUP}/first\n`);
    expect(await kubectl.ok(['api-resources', '--api-group', GROUP])).toMatch(/widgets +wd +widgets.example.com\/v1beta1 +true +Widget/);
  });

  test('gets requests with who asks, from the front proxy, and nothing that the client claims to be', async () => {
    server.asked.length = 0;
    const answer = await get(`${WIDGETS}/first?pretty=1`, {
      'X-Remote-User': 'root',
      'X-Remote-Group': 'gods',
      'X-Remote-Extra-A': 'b',
      Authorization: 'Bearer x',
      'X-Custom': 'kept',
    });
    expect(JSON.parse(answer.text)).toMatchObject({ kind: 'Widget', metadata: { name: 'first' } });
    const [asked] = server.askedByUsers();
    expect(asked).toMatchObject({ method: 'GET', url: `${WIDGETS}/first?pretty=1`, client: 'front-proxy-client' });
    expect(asked!.headers).toMatchObject({
      host: `widgets.default.svc:${server.port}`,
      'x-remote-user': 'kubernetes-admin',
      'x-custom': 'kept',
    });
    expect(asked!.headers['x-remote-group']).toContain('system:masters');
    expect(asked!.headers['x-remote-group']).not.toContain('gods');
    expect(asked!.headers).not.toHaveProperty('x-remote-extra-a');
    expect(asked!.headers).not.toHaveProperty('authorization');
  });

  test('answers for itself: errors, writes, watches and upgrades pass as they are', async () => {
    expect(await kubectl.fails(['get', 'widget', 'second'])).toContain(`no ${WIDGETS}/second here`);
    const manifest = JSON.stringify({
      apiVersion: `${GROUP}/${VERSION}`,
      kind: 'Widget',
      metadata: { name: 'new' },
      spec: { any: 'thing' },
    });
    expect(await kubectl.ok(['create', '--validate=false', '-f', '-'], manifest)).toBe(`widget.${GROUP}/new created\n`);
    expect(JSON.parse(server.askedByUsers().at(-1)!.body)).toMatchObject({ spec: { any: 'thing' } });

    const watch = request(`${api.url}${WIDGETS}?watch=1`, connection());
    watch.end();
    const [response] = (await once(watch, 'response')) as [import('node:http').IncomingMessage];
    const [chunk] = (await once(response, 'data')) as [Buffer];
    expect(JSON.parse(chunk.toString())).toMatchObject({ type: 'ADDED' });
    watch.destroy();

    const upgrade = request(`${api.url}${WIDGETS}/first/connect`, { ...connection(), headers: { Connection: 'Upgrade', Upgrade: 'echo' } });
    upgrade.end();
    const [, socket, head] = (await once(upgrade, 'upgrade')) as [unknown, import('node:stream').Duplex, Buffer];
    socket.write('hello');
    let text = head.toString();
    for await (const data of socket) {
      text += data;
      if (text.endsWith('hello')) break;
    }
    expect(text).toBe(`kubernetes-admin at ${WIDGETS}/first/connect:hello`);
  });

  test('is there for the components in this process too, under their own names', async () => {
    server.asked.length = 0;
    const user = { name: 'system:serviceaccount:kube-system:horizontal-pod-autoscaler', groups: [GROUP_MASTERS] };
    const inside = new ApiClient(api.server.transport(user));
    const { items } = await inside.list(widgets, { namespace: 'default', metricLabelSelector: 'a=b' });
    expect(items.map(({ metadata }) => metadata.name)).toContain('first');
    const [asked] = server.askedByUsers();
    expect(asked).toMatchObject({ method: 'GET', url: `${WIDGETS}?metricLabelSelector=a%3Db` });
    expect(asked!.headers).toMatchObject({ 'x-remote-user': user.name, accept: 'application/json' });
    expect(await inside.create(widgets, { metadata: { name: 'made', namespace: 'default' } })).toMatchObject({
      metadata: { name: 'made' },
    });
    await expect(inside.get(widgets, { namespace: 'default', name: 'none' })).rejects.toMatchObject({ code: 404, reason: 'NotFound' });
  });

  test('falls away when its server fails, and comes back with what it tells of itself by then', async () => {
    server.healthy = false;
    const touch = () => kubectl.ok(['annotate', 'service', 'widgets', `touched=${server.asked.length}`, '--overwrite']);
    await touch();
    await condition({
      status: 'False',
      reason: 'FailedDiscoveryCheck',
      message: expect.stringMatching(/^failing or missing response from .*: bad status from .*: 500$/),
    });
    expect(await kubectl.fails(['get', '--raw', WIDGETS])).toContain('the server is currently unable to handle the request');
    Object.assign(server, { healthy: true, modern: true });
    await touch();
    await condition({ status: 'True' });
    expect(await kubectl.ok(['explain', 'widgets', '--api-version', `${GROUP}/${VERSION}`])).toContain('A widget from elsewhere');
  });

  test('a server whose certificate is not of the bundle is not trusted, unless that is asked for', async () => {
    const current = await api.client.get(apiServices, { name: NAME });
    const strangers = Buffer.from(api.pki.ca.cert).toString('base64');
    await api.client.update(apiServices, { ...current, spec: { ...current.spec, caBundle: strangers } });
    await condition({ status: 'False', message: expect.stringContaining('x509: certificate signed by unknown authority') });
    const { caBundle: _, ...without } = current.spec;
    const again = await api.client.get(apiServices, { name: NAME });
    await api.client.update(apiServices, { ...again, spec: { ...without, insecureSkipTLSVerify: true } });
    await condition({ status: 'True' });
    expect((await get(`${WIDGETS}/first`)).code).toBe(200);
  });

  test('when it is deleted, so is its group', async () => {
    await api.client.delete(apiServices, { name: NAME });
    await expect.poll(async () => (await get(`/apis/${GROUP}`)).code, { timeout: 10_000 }).toBe(404);
    expect((await get(WIDGETS)).code).toBe(404);
  });
});

describe('a front proxy', () => {
  const whoami = async (tls: { cert: string; key: string }, headers: { [name: string]: string | string[] }) => {
    const review = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });
    const outgoing = request(`${api.url}/apis/authentication.k8s.io/v1/selfsubjectreviews`, {
      method: 'POST',
      ca: api.pki.ca.cert,
      agent: false,
      ...tls,
      headers: { 'content-type': 'application/json', 'content-length': String(review.length), ...headers },
    });
    outgoing.end(review);
    const [response] = (await once(outgoing, 'response')) as [import('node:http').IncomingMessage];
    let text = '';
    for await (const chunk of response) text += chunk;
    return JSON.parse(text);
  };
  const remote = {
    'X-Remote-User': 'ann',
    'X-Remote-Group': ['devs', 'ops'],
    'X-Remote-Uid': 'u1',
    'X-Remote-Extra-Acme.com%2Fteam': 'blue',
  };

  test('is believed who asks', async () => {
    expect((await whoami(api.pki.frontProxy.client, remote)).status.userInfo).toEqual({
      username: 'ann',
      uid: 'u1',
      groups: ['devs', 'ops', 'system:authenticated'],
      extra: { 'acme.com/team': ['blue'] },
    });
  });

  test('has to say it, and nobody else is believed', async () => {
    expect(await whoami(api.pki.frontProxy.client, {})).toMatchObject({ code: 401 });
    expect((await whoami(api.pki.admin, remote)).status.userInfo.username).toBe('kubernetes-admin');
  });
});

test('what is wrong with an APIService is told in upstream’s words', async () => {
  const manifest = {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: 'other' },
    spec: { group: 'g.example.com', version: 'v1', groupPriorityMinimum: 0, versionPriority: 2000, insecureSkipTLSVerify: true },
  };
  const error = await kubectl.fails(['create', '-f', '-'], JSON.stringify(manifest));
  for (const part of [
    'metadata.name: Invalid value: "other": must be `spec.version+"."+spec.group`: "v1.g.example.com"',
    'spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000',
    'spec.versionPriority: Invalid value: 2000: must be positive and less than 1000',
    'spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify',
  ]) {
    expect(error).toContain(part);
  }
});

describe('the metrics API', () => {
  const NODES = '/apis/metrics.k8s.io/v1beta1/nodes';

  test('is our own until a metrics server registers itself, and again when that is gone', async () => {
    const names = async () =>
      (JSON.parse((await get(NODES)).text) as { items?: { metadata: { name: string } }[] }).items?.map(({ metadata }) => metadata.name);
    expect(await names()).toEqual([]);
    expect(await kubectl.ok(['get', 'apiservice', 'v1beta1.metrics.k8s.io'])).toMatch(/v1beta1.metrics.k8s.io +Local +True/);
    const elsewhere = {
      kind: 'NodeMetricsList',
      apiVersion: 'metrics.k8s.io/v1beta1',
      metadata: {},
      items: [{ metadata: { name: 'elsewhere' } }],
    };
    const theirs = await startHttpsServer(({ url }, _body, response) => {
      const isList = url === NODES;
      const resources = [{ name: 'nodes', namespaced: false, kind: 'NodeMetrics', verbs: ['get', 'list'] }];
      const list = { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'metrics.k8s.io/v1beta1', resources };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(isList ? elsewhere : list));
    });
    await api.client.create(services, {
      metadata: { name: 'metrics-server', namespace: 'kube-system' },
      spec: { type: 'ExternalName', externalName: 'localhost' },
    } as never);
    // As its manifests do.
    const spec = {
      group: 'metrics.k8s.io',
      version: 'v1beta1',
      groupPriorityMinimum: 100,
      versionPriority: 100,
      insecureSkipTLSVerify: true,
      service: { namespace: 'kube-system', name: 'metrics-server', port: theirs.port },
    };
    const apiService = { apiVersion: 'apiregistration.k8s.io/v1', kind: 'APIService', metadata: { name: 'v1beta1.metrics.k8s.io' }, spec };
    await kubectl.ok(['apply', '-f', '-'], JSON.stringify(apiService));
    await expect.poll(names, { timeout: 20_000, interval: 50 }).toEqual(['elsewhere']);
    await kubectl.ok(['delete', 'apiservice', 'v1beta1.metrics.k8s.io']);
    await expect.poll(names, { timeout: 20_000, interval: 50 }).toEqual([]);
    await expect
      .poll(() => kubectl.run(['get', 'apiservice', 'v1beta1.metrics.k8s.io']), { timeout: 20_000 })
      .toMatchObject({ code: 0, stdout: expect.stringContaining('Local') });
    await theirs.stop();
  });
});
