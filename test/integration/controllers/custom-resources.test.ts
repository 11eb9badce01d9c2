// Custom resources, and those of other API servers, in the hands of the controllers that act on objects of any kind: garbage collection, the end
// of namespaces, quotas, autoscaling.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, systemRandom } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import { isStatus } from '../../../src/apimachinery/status.js';
import { createEventRecorder } from '../../../src/client/event-recorder.js';
import { createInformers } from '../../../src/client/informers.js';
import { DEFAULT_OPTIONS } from '../../../src/controllers/default-options.js';
import { garbageCollector } from '../../../src/controllers/garbagecollector.js';
import { horizontalPodAutoscaler } from '../../../src/controllers/horizontalpodautoscaler.js';
import { startControllers } from '../../../src/controllers/manager.js';
import { namespace } from '../../../src/controllers/namespace.js';
import { resourceQuota } from '../../../src/controllers/resourcequota.js';
import { customResourceDefinitions } from '../../../src/kinds/apiextensions/customresourcedefinition.js';
import { servedKind } from '../../../src/kinds/apiextensions/served-kind.js';
import { apiServices, isAvailable } from '../../../src/kinds/apiregistration/apiservice.js';
import { horizontalPodAutoscalers } from '../../../src/kinds/autoscaling/horizontalpodautoscaler.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { resourceQuotas } from '../../../src/kinds/core/resourcequota.js';
import { services } from '../../../src/kinds/core/service.js';
import { type AnyKind, defineKind } from '../../../src/kinds/define.js';
import { type AggregatedServer, GROUP, startAggregatedServer, VERSION } from '../../suites/aggregated-server.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { crontab, crontabs } from '../../suites/custom-resources.js';
import { until } from '../../suites/until.js';

const NAME = 'crontabs.stable.example.com';
let api: TestServer;
let kind: AnyKind;
let stop: () => Promise<void>;

beforeAll(async () => {
  api = await startTestServer();
  const { client } = api;
  const parts = { client, clock: systemClock, random: systemRandom, log: silentLogger };
  const informers = createInformers(parts);
  const options = { ...DEFAULT_OPTIONS, clusterSigningCert: '', clusterSigningKey: '', rootCa: '' };
  const events = createEventRecorder({ ...parts, component: 'test' });
  const running = startControllers([garbageCollector, namespace, resourceQuota, horizontalPodAutoscaler], {
    ...parts,
    informers,
    options,
    events,
  });
  stop = async () => {
    await running.stop();
    informers.stop();
  };
  await define();
});
afterAll(async () => {
  await stop?.();
  await api?.stop();
});

async function define(): Promise<void> {
  await api.client.create(customResourceDefinitions, crontabs() as never);
  await until(
    'the definition is established',
    async () => (kind = servedKind(await api.client.get(customResourceDefinitions, { name: NAME }))!) !== undefined,
  );
}

async function isGone(of: AnyKind, name: string, inNamespace = 'default'): Promise<boolean> {
  try {
    await api.client.get(of, { name, namespace: of.namespaced ? inNamespace : undefined });
    return false;
  } catch (error) {
    if (isStatus(error, 'NotFound')) return true;
    throw error;
  }
}

const make = (name: string, metadata: object = {}) =>
  api.client.create<KubeObject>(kind, { ...crontab(name), metadata: { name, namespace: 'default', ...metadata } } as never);
const ownedBy = ({ apiVersion, kind: name, metadata }: KubeObject) => ({
  ownerReferences: [{ apiVersion, kind: name, name: metadata.name, uid: metadata.uid, blockOwnerDeletion: true }],
});
const makeConfigMap = (name: string, metadata: object = {}) =>
  api.client.create(configMaps, { metadata: { name, namespace: 'default', ...metadata } });

it('what a custom resource owns goes when it goes, of whatever kind', async () => {
  const owner = await make('owner');
  await makeConfigMap('owned', ownedBy(owner));
  await make('owned', ownedBy(owner));
  await api.client.delete(kind, { namespace: 'default', name: 'owner' }, { propagationPolicy: 'Background' });
  await until('what is owned goes', async () => (await isGone(configMaps, 'owned')) && (await isGone(kind, 'owned')));
});

it('a custom resource goes with its owner; in the foreground before it', async () => {
  const owner = await makeConfigMap('front');
  await make('first', ownedBy(owner));
  await api.client.delete(configMaps, { namespace: 'default', name: 'front' }, { propagationPolicy: 'Foreground' });
  await until('the owner goes', () => isGone(configMaps, 'front'));
  expect(await isGone(kind, 'first')).toBe(true);
});

it('a namespace goes with the custom resources in it, and waits for those that finalizers keep', async () => {
  await api.client.create(namespaces, { metadata: { name: 'dev' } });
  await make('kept', { namespace: 'dev', finalizers: ['example.com/hold'] });
  await make('free', { namespace: 'dev' });
  await api.client.delete(namespaces, { name: 'dev' });
  await until('the namespace says what it waits for', async () => {
    const { status } = await api.client.get(namespaces, { name: 'dev' });
    return status.conditions?.some(({ message }) => message?.includes('crontabs.stable.example.com has 1 resource instances')) ?? false;
  });
  expect(await isGone(kind, 'free', 'dev')).toBe(true);
  await api.client.patch(kind, { name: 'kept', namespace: 'dev' }, 'application/merge-patch+json', { metadata: { finalizers: null } });
  await until('the namespace goes', () => isGone(namespaces, 'dev'));
});

it('a quota counts them', async () => {
  const resource = 'count/crontabs.stable.example.com';
  await api.client.create(namespaces, { metadata: { name: 'few' } });
  await make('one', { namespace: 'few' });
  await api.client.create(resourceQuotas, { metadata: { name: 'quota', namespace: 'few' }, spec: { hard: { [resource]: '2' } } });
  const used = async (count: string) => {
    const { status } = await api.client.get(resourceQuotas, { name: 'quota', namespace: 'few' });
    return status.used?.[resource] === count;
  };
  await until('the quota counts', () => used('1'));
  await make('two', { namespace: 'few' });
  await expect(make('three', { namespace: 'few' })).rejects.toThrow(
    `crontabs.stable.example.com "three" is forbidden: exceeded quota: quota, requested: ${resource}=1, used: ${resource}=2, limited: ${resource}=2`,
  );
  await api.client.delete(kind, { name: 'one', namespace: 'few' });
  await until('the quota has room again', () => used('1'));
  await make('three', { namespace: 'few' });
});

it('what the objects of a definition own goes when the definition goes, and a new one of its name is as good', async () => {
  await makeConfigMap('last', ownedBy(await make('x')));
  await api.client.delete(customResourceDefinitions, { name: NAME });
  await until(
    'the definition and what its objects owned go',
    async () => (await isGone(customResourceDefinitions, NAME)) && (await isGone(configMaps, 'last')),
  );
  await define();
  await makeConfigMap('again', ownedBy(await make('y')));
  await api.client.delete(kind, { namespace: 'default', name: 'y' });
  await until('what is owned goes', () => isGone(configMaps, 'again'));
});

it('an autoscaler scales one through its scale', async () => {
  await make('scaled');
  const name = { namespace: 'default', name: 'scaled' };
  await api.client.patch(kind, name, 'application/merge-patch+json', { spec: { replicas: 1 } });
  const scaleTargetRef = { apiVersion: kind.apiVersion, kind: kind.kind, name: name.name };
  const spec = { scaleTargetRef, minReplicas: 3, maxReplicas: 5 };
  await api.client.create(horizontalPodAutoscalers, { metadata: { ...name }, spec } as never);
  await until('it has its least', async () => {
    const { spec } = (await api.client.get(kind, name)) as KubeObject & { readonly spec: { readonly replicas?: number } };
    return spec.replicas === 3;
  });
  await until('it is told of', async () => {
    const { conditions = [] } = (await api.client.get(horizontalPodAutoscalers, name)).status;
    return conditions.some(({ type, reason }) => type === 'AbleToScale' && reason === 'SucceededRescale');
  });
});

it('what is to outlive its owner does, although a custom kind has gone that it could have been of', async () => {
  await api.client.delete(customResourceDefinitions, { name: NAME });
  await until('the definition goes', () => isGone(customResourceDefinitions, NAME));
  await makeConfigMap('left', ownedBy(await makeConfigMap('parent')));
  await api.client.delete(configMaps, { namespace: 'default', name: 'parent' }, { propagationPolicy: 'Orphan' });
  await until('the owner goes', () => isGone(configMaps, 'parent'));
  expect((await api.client.get(configMaps, { namespace: 'default', name: 'left' })).metadata.ownerReferences ?? []).toEqual([]);
});

describe('of another API server', () => {
  const SERVICE = `${VERSION}.${GROUP}`;
  const widgets = defineKind({ group: GROUP, version: VERSION, kind: 'Widget', plural: 'widgets', namespaced: true, schema: '' });
  let server: AggregatedServer;
  const makeWidget = (name: string, metadata: object = {}) =>
    api.client.create<KubeObject>(widgets, { metadata: { name, namespace: 'default', ...metadata } } as never);
  const isAway = async () => !isAvailable(await api.client.get(apiServices, { name: SERVICE }));
  const setHealthy = async (healthy: boolean) => {
    server.healthy = healthy;
    await api.client.patch(services, { namespace: 'default', name: 'widgets' }, 'application/merge-patch+json', {
      metadata: { annotations: { touched: String(server.asked.length) } },
    });
    await until('its state is noticed', async () => (await isAway()) !== healthy);
  };

  beforeAll(async () => {
    server = await startAggregatedServer(api.pki.frontProxy.ca.cert);
    const spec = { type: 'ExternalName', externalName: 'localhost', ports: [{ port: server.port }] };
    await api.client.create(services, { metadata: { name: 'widgets', namespace: 'default' }, spec } as never);
    const service = { namespace: 'default', name: 'widgets', port: server.port };
    const given = { group: GROUP, version: VERSION, groupPriorityMinimum: 100, versionPriority: 100, service, caBundle: server.caBundle };
    await api.client.create(apiServices, { metadata: { name: SERVICE }, spec: given } as never);
    await until('it is available', async () => !(await isAway()));
  });
  afterAll(() => server?.stop());

  it('they own and are owned', async () => {
    await makeConfigMap('of-widget', ownedBy(await makeWidget('owner')));
    await makeWidget('owned', ownedBy(await makeConfigMap('owner')));
    await api.client.delete(widgets, { namespace: 'default', name: 'owner' });
    await until('what a widget owns goes with it', () => isGone(configMaps, 'of-widget'));
    await api.client.delete(configMaps, { namespace: 'default', name: 'owner' });
    await until('a widget goes with its owner', () => isGone(widgets, 'owned'));
  });

  it('a namespace goes with what that has in it, and not before that can be asked', async () => {
    await api.client.create(namespaces, { metadata: { name: 'held' } });
    await makeWidget('inside', { namespace: 'held' });
    await makeConfigMap('kept', ownedBy(await makeWidget('keeper')));
    await setHealthy(false);
    await api.client.delete(namespaces, { name: 'held' });
    await until('the namespace says what it waits for', async () => {
      const { conditions = [] } = (await api.client.get(namespaces, { name: 'held' })).status;
      return conditions.some(({ type, status, message }) => {
        return type === 'NamespaceDeletionDiscoveryFailure' && status === 'True' && message?.includes(`${GROUP}/${VERSION}`);
      });
    });
    await setHealthy(true);
    await until('the namespace goes', () => isGone(namespaces, 'held'));
    expect(await isGone(widgets, 'inside', 'held')).toBe(true);
    expect(await isGone(configMaps, 'kept')).toBe(false);
  });

  it('what they own stays when nobody serves them any more', async () => {
    await api.client.delete(apiServices, { name: SERVICE });
    await until('they are not served', async () => isGone(widgets, 'first'));
    // Its owner has gone, too: when it goes the other has been looked at.
    await api.client.patch(configMaps, { namespace: 'default', name: 'kept' }, 'application/merge-patch+json', { data: { a: 'b' } });
    await makeConfigMap('lost', { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'no', uid: 'no' }] });
    await until('what has lost its owner goes', () => isGone(configMaps, 'lost'));
    expect(await isGone(configMaps, 'kept')).toBe(false);
  });
});
