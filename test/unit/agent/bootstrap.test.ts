// Joining: a node with a good token gets its certificates and keeps them; any other gets one clear line and changes nothing.
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type BootstrapOptions, bootstrapNode, type NodeIdentity } from '../../../agent/bootstrap.js';
import { type Clock, systemClock, systemRandom } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import { belongsTogether, readCertificate } from '../../../src/client/certificates.js';
import { createInformers } from '../../../src/client/informers.js';
import { pinOf } from '../../../src/client/join-token.js';
import { ensurePki, type Pki } from '../../../src/cluster/pki.js';
import { csrApproving } from '../../../src/controllers/csrapproving.js';
import { csrSigning } from '../../../src/controllers/csrsigning.js';
import { DEFAULT_OPTIONS } from '../../../src/controllers/default-options.js';
import { startControllers } from '../../../src/controllers/manager.js';
import { certificateSigningRequests } from '../../../src/kinds/certificates/certificatesigningrequest.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { MemoryApi } from '../client/fakes.js';
import { serveTls, type TlsApi } from '../client/tls-api.js';

const SECRET = 'abcdef.0123456789abcdef';
const DAY_ms = 24 * 3600_000;
let dir: string;
let pki: Pki;
let api: MemoryApi;
let server: TlsApi;
let stopControllers: () => Promise<void>;
const identities: NodeIdentity[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'porthole-bootstrap-'));
  pki = await makePki('pki');
});
afterAll(() => rm(dir, { recursive: true }));

beforeEach(async () => {
  await rm(join(dir, 'certs'), { recursive: true, force: true });
  api = new MemoryApi();
  server = await serveTls({ api, tls: { ...pki.apiserver, clientCa: pki.ca.cert }, tokens: new Set([SECRET]) });
  const informers = createInformers({ client: api, clock: systemClock, random: systemRandom, log: silentLogger });
  const running = startControllers([csrApproving, csrSigning], {
    client: api,
    informers,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    events: { event: () => {} },
    options: {
      ...DEFAULT_OPTIONS,
      clusterSigningCert: pki.ca.cert,
      clusterSigningKey: pki.ca.key,
      rootCa: pki.ca.cert,
    },
  });
  stopControllers = async () => {
    informers.stop();
    await running.stop();
  };
});
afterEach(async () => {
  for (const identity of identities.splice(0)) identity.stop();
  await stopControllers();
  await server.close();
});

function makePki(name: string): Promise<Pki> {
  const options = { altNames: [], serviceIp: '10.96.0.1', clock: systemClock, random: systemRandom, log: silentLogger };
  return ensurePki({ dir: join(dir, name), ...options });
}

const good = () => `${SECRET}:${pinOf(pki.ca.cert)}`;

async function bootstrap(more: Partial<BootstrapOptions> = {}): Promise<NodeIdentity> {
  const identity = await bootstrapNode({
    server: server.url,
    nodeName: 'node-1',
    nodeIPs: ['192.0.2.11'],
    certDir: join(dir, 'certs'),
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    ...more,
  });
  identities.push(identity);
  return identity;
}

const files = () => readdir(join(dir, 'certs')).catch(() => []);

test('a good token brings a client and a serving certificate, stored for root only', async () => {
  const identity = await bootstrap({ token: good() });
  expect(identity.ca).toBe(pki.ca.cert);
  const serving = identity.serving();
  expect(belongsTogether(serving.cert, serving.key, pki.ca.cert)).toBe(true);
  expect(readCertificate(serving.cert)).toMatchObject({
    commonName: 'system:node:node-1',
    organizations: ['system:nodes'],
    altNames: { dns: ['node-1'], ips: ['192.0.2.11'] },
  });
  await identity.transport.request({ method: 'GET', path: '/api/v1/nodes', query: new URLSearchParams() });
  expect(server.users.at(-1)).toBe('system:node:node-1');
  expect((await files()).sort()).toEqual([
    'ca.crt',
    'kubelet-client.crt',
    'kubelet-client.key',
    'kubelet-serving.crt',
    'kubelet-serving.key',
  ]);
  for (const file of await files()) expect((await stat(join(dir, 'certs', file))).mode & 0o777).toBe(0o600);
});

test('with valid certificates nothing is asked, and no token or server is needed', async () => {
  (await bootstrap({ token: good() })).stop();
  const asked = api.requests.length;
  await server.close();
  await bootstrap({ server: 'https://127.0.0.1:1' });
  expect(api.requests.slice(asked).filter((request) => request.startsWith('create'))).toEqual([]);
});

test('another address makes a new serving certificate only', async () => {
  (await bootstrap({ token: good() })).stop();
  const identity = await bootstrap({ nodeIPs: ['192.0.2.12'] });
  expect(readCertificate(identity.serving().cert).altNames.ips).toEqual(['192.0.2.12']);
  expect(api.objects(certificateSigningRequests)).toHaveLength(3);
});

test.each([
  [
    'wrong or expired',
    `abcdef.0000000000000000:PIN`,
    /^token abcdef is not known to the server or has expired: make a new one with `porthole token create`/,
  ],
  ['malformed', 'hello', /^the token is malformed: .*porthole token create/],
  ['missing', undefined, /^this node has not joined a cluster yet: give it a --token/],
  ['foreign', `${SECRET}:${'0'.repeat(64)}`, /^the server's certificate authority is not the one this token was made for: /],
])('a %s token is refused in one line, and nothing is stored', async (_, token, line) => {
  const given = token?.replace('PIN', pinOf(pki.ca.cert));
  const failure = bootstrap(given === undefined ? {} : { token: given });
  await expect(failure).rejects.toMatchObject({ name: 'BootstrapError', message: expect.stringMatching(line) });
  await expect(failure).rejects.not.toThrow('\n');
  expect(await files()).toEqual([]);
});

test('a foreign token’s secret is never sent', async () => {
  await expect(bootstrap({ token: `${SECRET}:${'0'.repeat(64)}` })).rejects.toThrow();
  expect(server.users).toEqual([]);
});

test('a server that cannot be reached is named with the cause', async () => {
  const failure = bootstrap({ token: good(), server: 'https://127.0.0.1:1' });
  await expect(failure).rejects.toThrow(/^the server https:\/\/127.0.0.1:1 cannot be reached: .*ECONNREFUSED.*: check --server/);
});

test('the name of a node that is Ready is refused to a newcomer, and free again once it is not', async () => {
  const status = (ready: string) => ({ conditions: [{ type: 'Ready', status: ready }] });
  await api.create(nodes, { metadata: { name: 'node-1' }, status: status('True') });
  await expect(bootstrap({ token: good() })).rejects.toThrow(/a node named node-1 has joined and is Ready/);
  await api.patch(nodes, { name: 'node-1' }, 'application/merge-patch+json', { status: status('Unknown') });
  await bootstrap({ token: good() });
});

test('an address of another node is refused', async () => {
  await api.create(nodes, { metadata: { name: 'node-2' }, status: { addresses: [{ type: 'InternalIP', address: '192.0.2.11' }] } });
  await expect(bootstrap({ token: good() })).rejects.toThrow(/an address that it asks for belongs to node node-2/);
});

test('a node that is given another cluster’s token leaves the old one; a refused one stays', async () => {
  (await bootstrap({ token: good() })).stop();
  const stays = await bootstrap({ token: `abcdef.0000000000000000:${pinOf(pki.ca.cert)}` });
  expect(stays.ca).toBe(pki.ca.cert);
  const other = await makePki('other');
  await server.close();
  server = await serveTls({ api, tls: { ...other.apiserver, clientCa: other.ca.cert }, tokens: new Set([SECRET]) });
  await expect(bootstrap({ token: `abcdef.0000000000000000:${pinOf(other.ca.cert)}` })).rejects.toThrow(/not known to the server/);
  expect((await bootstrap({ server: 'https://127.0.0.1:1' })).ca).toBe(pki.ca.cert);
});

test('certificates are renewed when 30 % of their life is left, and come into use', async () => {
  const early = await bootstrap({ token: good() });
  const before = early.serving();
  early.stop();
  const late: Clock = { ...systemClock, now: () => systemClock.now() + 300 * DAY_ms };
  const identity = await bootstrap({ clock: late });
  const renewed = await new Promise<{ cert: string }>((resolve) => identity.onServingChange(resolve));
  expect(renewed.cert).not.toBe(before.cert);
  expect(identity.serving()).toEqual(renewed);
});
