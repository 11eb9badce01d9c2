// ResourceQuota, LimitRanger and ServiceAccount admission, as a client of the API meets them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { limitRanges } from '../../../../src/kinds/core/limitrange.js';
import { namespaces } from '../../../../src/kinds/core/namespace.js';
import { pods } from '../../../../src/kinds/core/pod.js';
import { resourceQuotas } from '../../../../src/kinds/core/resourcequota.js';
import { services } from '../../../../src/kinds/core/service.js';
import { serviceAccounts } from '../../../../src/kinds/core/serviceaccount.js';
import { quotaUsage } from '../../../../src/kinds/quota/usage.js';
import type { Container } from '../../../../src/kinds/types/core_v1.js';
import { startTestServer, type TestServer } from '../../../suites/apiserver.js';

let api: TestServer;
beforeAll(async () => {
  api = await startTestServer({ disableAdmissionPlugins: [] });
});
afterAll(() => api.stop());

let made = 0;
async function namespace(): Promise<string> {
  const name = `ns-${++made}`;
  await api.client.create(namespaces, { metadata: { name } });
  await api.client.create(serviceAccounts, { metadata: { name: 'default', namespace: name } });
  return name;
}

const createPod = (ns: string, name: string, resources?: Container['resources']) =>
  api.client.create(pods, {
    metadata: { name, namespace: ns },
    spec: { containers: [{ name: 'c', image: 'i', ...(resources ? { resources } : {}) }] },
  } as never);

async function quota(ns: string, hard: { [resource: string]: string }, used = Object.fromEntries(Object.keys(hard).map((r) => [r, '0']))) {
  const made = await api.client.create(resourceQuotas, { metadata: { name: 'q', namespace: ns }, spec: { hard } } as never);
  await api.client.update(resourceQuotas, { ...made, status: { hard, used } }, 'status');
}

const usedOf = async (ns: string) => (await api.client.get(resourceQuotas, { namespace: ns, name: 'q' })).status.used;

describe('ResourceQuota', () => {
  test('charges what is created and refuses what no longer fits, in the words that kubectl shows', async () => {
    const ns = await namespace();
    await quota(ns, { pods: '2', 'requests.cpu': '300m' });
    await createPod(ns, 'a', { requests: { cpu: '100m' } });
    expect(await usedOf(ns)).toEqual({ pods: '1', 'requests.cpu': '100m' });
    await expect(createPod(ns, 'b', { requests: { cpu: '250m' } })).rejects.toMatchObject({
      code: 403,
      message:
        'pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=250m, used: requests.cpu=100m, limited: requests.cpu=300m',
    });
    await createPod(ns, 'b', { requests: { cpu: '0.2' } });
    await expect(createPod(ns, 'c', { requests: { cpu: '0' } })).rejects.toMatchObject({
      message: 'pods "c" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2',
    });
    expect(await usedOf(ns)).toEqual({ pods: '2', 'requests.cpu': '300m' });
  });

  test('of many at once exactly as many come in as fit', async () => {
    const ns = await namespace();
    await quota(ns, { pods: '5' });
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => createPod(ns, `p-${i}`)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    expect(await usedOf(ns)).toEqual({ pods: '5' });
  });

  test('charges a pod that is made smaller for what it still has', () => {
    const spec = { containers: [{ name: 'c', resources: { requests: { cpu: '1' } } }] };
    const status = { containerStatuses: [{ name: 'c', allocatedResources: { cpu: '3' } }] };
    expect(quotaUsage(pods, { metadata: { name: 'p' }, spec, status } as never).get('requests.cpu')).toBe(3_000);
  });

  test('a bound on compute resources makes every container say what it wants', async () => {
    const ns = await namespace();
    await quota(ns, { 'limits.memory': '1Gi', 'requests.cpu': '1' });
    await expect(createPod(ns, 'a')).rejects.toMatchObject({
      message: 'pods "a" is forbidden: failed quota: q: must specify limits.memory for: c; requests.cpu for: c',
    });
  });

  test('counts only pods in its scopes, and a Service that comes to need a node port', async () => {
    const ns = await namespace();
    const hard = { pods: '1' };
    const made = await api.client.create(resourceQuotas, {
      metadata: { name: 'q', namespace: ns },
      spec: { hard, scopes: ['NotBestEffort'] },
    } as never);
    await api.client.update(resourceQuotas, { ...made, status: { hard, used: { pods: '0' } } }, 'status');
    await createPod(ns, 'best-effort');
    await createPod(ns, 'burstable', { requests: { cpu: '1m' } });
    await expect(createPod(ns, 'one-too-many', { requests: { cpu: '1m' } })).rejects.toMatchObject({ code: 403 });

    const other = await namespace();
    await quota(other, { 'services.nodeports': '0', services: '1' });
    const service = await api.client.create(services, {
      metadata: { name: 's', namespace: other },
      spec: { ports: [{ port: 80 }], selector: { a: 'b' } },
    } as never);
    await expect(api.client.update(services, { ...service, spec: { ...service.spec, type: 'NodePort' } })).rejects.toMatchObject({
      message: expect.stringContaining('exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=0'),
    });
    expect(await usedOf(other)).toEqual({ services: '1', 'services.nodeports': '0' });
  });

  test('a dry run is refused as the real thing would be, and charges nothing', async () => {
    const ns = await namespace();
    await quota(ns, { 'count/pods': '1' });
    const dryRun = () =>
      api.server.transport({ name: 'admin', groups: ['system:masters'] }).request({
        method: 'POST',
        path: `/api/v1/namespaces/${ns}/pods`,
        query: new URLSearchParams('dryRun=All'),
        body: { metadata: { name: 'd' }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      });
    await dryRun();
    expect(await usedOf(ns)).toEqual({ 'count/pods': '0' });
    await createPod(ns, 'a');
    await expect(dryRun()).rejects.toMatchObject({ code: 403 });
  });
});

describe('LimitRanger', () => {
  const limit = (ns: string, ...limits: object[]) =>
    api.client.create(limitRanges, { metadata: { name: 'l', namespace: ns }, spec: { limits } } as never);

  test('fills in what a container leaves out and says so', async () => {
    const ns = await namespace();
    await limit(ns, { type: 'Container', default: { cpu: '500m', memory: '128Mi' }, defaultRequest: { cpu: '100m' } });
    const pod = await createPod(ns, 'a', { limits: { memory: '64Mi' } });
    expect(pod.spec.containers[0]!.resources).toEqual({
      limits: { cpu: '500m', memory: '64Mi' },
      requests: { cpu: '100m', memory: '64Mi' },
    });
    expect(pod.metadata.annotations).toEqual({
      'kubernetes.io/limit-ranger': 'LimitRanger plugin set: cpu request for container c; cpu limit for container c',
    });
  });

  test.each([
    [{ type: 'Container', max: { cpu: '1' } }, { limits: { cpu: '2' } }, 'maximum cpu usage per Container is 1, but limit is 2'],
    [
      { type: 'Container', min: { memory: '100Mi' } },
      { requests: { memory: '50Mi' } },
      'minimum memory usage per Container is 100Mi, but request is 50Mi',
    ],
    [{ type: 'Pod', max: { cpu: '1' } }, { requests: { cpu: '1m' } }, 'maximum cpu usage per Pod is 1.  No limit is specified'],
    [
      { type: 'Container', maxLimitRequestRatio: { cpu: '2' } },
      { requests: { cpu: '100m' }, limits: { cpu: '500m' } },
      'cpu max limit to request ratio per Container is 2, but provided ratio is 5.000000',
    ],
  ])('%j refuses %j', async (item, resources, why) => {
    const ns = await namespace();
    await limit(ns, item);
    await expect(createPod(ns, 'a', resources)).rejects.toMatchObject({ code: 403, message: `pods "a" is forbidden: ${why}` });
  });

  test('names all that is wrong at once', async () => {
    const ns = await namespace();
    await limit(ns, { type: 'Container', max: { cpu: '1', memory: '1Gi' } });
    await expect(createPod(ns, 'a', { limits: { cpu: '2', memory: '2Gi' } })).rejects.toMatchObject({
      message:
        'pods "a" is forbidden: [maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 1Gi, but limit is 2Gi]',
    });
  });
});

describe('ServiceAccount', () => {
  test('a pod runs as the default account and pulls with its secrets, unless it says otherwise', async () => {
    const ns = await namespace();
    const account = await api.client.get(serviceAccounts, { namespace: ns, name: 'default' });
    await api.client.update(serviceAccounts, { ...account, imagePullSecrets: [{ name: 'registry' }] });
    const { spec } = await createPod(ns, 'a');
    expect([spec.serviceAccountName, spec.serviceAccount, spec.imagePullSecrets]).toEqual(['default', 'default', [{ name: 'registry' }]]);
  });

  test('an account that does not exist is named', async () => {
    const ns = await namespace();
    const pod = { metadata: { name: 'a', namespace: ns }, spec: { serviceAccountName: 'robot', containers: [{ name: 'c', image: 'i' }] } };
    await expect(api.client.create(pods, pod as never)).rejects.toMatchObject({
      code: 403,
      message: `pods "a" is forbidden: error looking up service account ${ns}/robot: serviceaccount "robot" not found`,
    });
  });

  test('a pod that comes before its namespace has a default account waits for it', async () => {
    const name = `ns-${++made}`;
    await api.client.create(namespaces, { metadata: { name } });
    const pod = createPod(name, 'early');
    await api.client.create(serviceAccounts, { metadata: { name: 'default', namespace: name } });
    expect((await pod).spec.serviceAccountName).toBe('default');
  });
});
