// Tokens that are kept in Secrets: filled in by a controller, good as long as the Secret holds them, gone with their account.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock as clock, systemRandom as random } from '../../../src/apimachinery/clock.js';
import { silentLogger as log } from '../../../src/apimachinery/logger.js';
import { createInformers } from '../../../src/client/informers.js';
import { CONTROLLER_MANAGER, componentClient, controllerClients } from '../../../src/cluster/component-clients.js';
import { DEFAULT_OPTIONS } from '../../../src/controllers/default-options.js';
import { startControllers } from '../../../src/controllers/manager.js';
import { serviceAccountToken } from '../../../src/controllers/serviceaccounttoken.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { secrets } from '../../../src/kinds/core/secret.js';
import { serviceAccounts } from '../../../src/kinds/core/serviceaccount.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { ask } from './lab.js';

let api: TestServer;
let stop: () => Promise<void>;

beforeAll(async () => {
  api = await startTestServer();
  const client = componentClient(api.server, CONTROLLER_MANAGER);
  const informers = createInformers({ client, clock, random, log });
  const options = {
    ...DEFAULT_OPTIONS,
    clusterSigningCert: '',
    clusterSigningKey: '',
    rootCa: api.pki.ca.cert,
    serviceAccountPrivateKey: api.pki.serviceAccounts.privateKey,
  };
  const events = { event: () => undefined };
  const running = startControllers([serviceAccountToken], {
    client: controllerClients(api.server),
    informers,
    clock,
    random,
    log,
    options,
    events,
  });
  stop = async () => {
    await running.stop();
    informers.stop();
    await api.stop();
  };
  await api.client.create(namespaces, { metadata: { name: 'dev' } });
});
afterAll(() => stop?.());

const name = { namespace: 'dev', name: 'kept' };
const make = () =>
  api.client.create(secrets, {
    metadata: { ...name, annotations: { 'kubernetes.io/service-account.name': 'robot' } },
    type: 'kubernetes.io/service-account-token',
  });
const read = async (key: string) => Buffer.from((await api.client.get(secrets, name)).data?.[key] ?? '', 'base64').toString();
const code = async (token: string) => (await ask(api, { token }, 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {})).code;

it('are made, void when the Secret is, and go with the account', async () => {
  const { metadata } = await api.client.create(serviceAccounts, { metadata: { namespace: 'dev', name: 'robot' } });
  await make();
  await expect.poll(() => read('token')).toMatch(/^ey/);
  const token = await read('token');
  expect([await read('namespace'), await read('ca.crt')]).toEqual(['dev', api.pki.ca.cert]);
  expect((await api.client.get(secrets, name)).metadata.annotations).toMatchObject({ 'kubernetes.io/service-account.uid': metadata.uid });
  const who = await ask(api, { token }, 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {});
  expect(who.body.status.userInfo).toMatchObject({ username: 'system:serviceaccount:dev:robot', uid: metadata.uid });

  const labelled = (labels: object) => api.client.patch(secrets, name, 'application/merge-patch+json', { metadata: { labels } });
  expect((await api.client.get(secrets, name)).metadata.labels).toEqual({
    'kubernetes.io/legacy-token-last-used': new Date().toISOString().slice(0, 10),
  });
  await labelled({ 'kubernetes.io/legacy-token-invalid-since': '2026-01-01' });
  await expect.poll(() => code(token)).toBe(401);
  await labelled({ 'kubernetes.io/legacy-token-invalid-since': null });
  await expect.poll(() => code(token)).toBe(201);

  await api.client.delete(secrets, name);
  await expect.poll(() => code(token)).toBe(401);
  await make();
  await expect.poll(() => read('token')).toMatch(/^ey/);
  await api.client.delete(serviceAccounts, { namespace: 'dev', name: 'robot' });
  await expect.poll(async () => (await api.client.list(secrets, { namespace: 'dev' })).items).toEqual([]);
});
