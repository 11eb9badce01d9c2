// Controllers and scheduler on a real API server: what a user of kubectl sees, with the test as the kubelets.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { controllerOf } from '../../../src/apimachinery/object.js';
import { isStatus } from '../../../src/apimachinery/status.js';
import { deployments } from '../../../src/kinds/apps/deployment.js';
import { replicaSets } from '../../../src/kinds/apps/replicaset.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { endpoints } from '../../../src/kinds/core/endpoints.js';
import { events } from '../../../src/kinds/core/event.js';
import { namespaces } from '../../../src/kinds/core/namespace.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { replicationControllers } from '../../../src/kinds/core/replicationcontroller.js';
import { services } from '../../../src/kinds/core/service.js';
import { endpointSlices } from '../../../src/kinds/discovery/endpointslice.js';
import { type Cluster, startCluster } from './harness.js';

let cluster: Cluster;

beforeEach(async () => {
  cluster = await startCluster();
  for (const name of ['node-1', 'node-2', 'node-3']) await cluster.join(name);
});

afterEach(() => cluster.stop());

const MERGE = 'application/merge-patch+json';
const WEB = { namespace: 'default', name: 'web' };
const labels = { app: 'web' };
const template = (image: string) => ({ metadata: { labels }, spec: { containers: [{ name: 'web', image }] } });
const makeWeb = (replicas: number, namespace = 'default') =>
  cluster.client.create(deployments, {
    metadata: { name: 'web', namespace },
    spec: { replicas, selector: { matchLabels: labels }, template: template('nginx:1') },
  });
const edit = (spec: object) => cluster.client.patch(deployments, WEB, MERGE, { spec });
const web = () => cluster.client.get(deployments, WEB);
const podsOf = async (namespace = 'default') => (await cluster.client.list(pods, { namespace })).items;
const running = async (image?: string) =>
  (await podsOf()).filter(
    ({ metadata, status, spec }) =>
      status.phase === 'Running' && !metadata.deletionTimestamp && (!image || spec.containers[0]!.image === image),
  );
const isAvailable = async (replicas: number) => {
  const { status, metadata } = await web();
  const counts = [status.replicas, status.updatedReplicas, status.readyReplicas, status.availableReplicas].map((count) => count ?? 0);
  return status.observedGeneration === metadata.generation && counts.every((count) => count === replicas);
};
const rolledOut = (replicas: number) => cluster.until(`${replicas} replicas are available`, () => isAvailable(replicas));
const isGone = async (get: Promise<unknown>) => {
  try {
    await get;
    return false;
  } catch (error) {
    if (isStatus(error, 'NotFound')) return true;
    throw error;
  }
};
const messages = async (reason: string) =>
  (await cluster.client.list(events, {})).items.filter((event) => event.reason === reason).map(({ message }) => message);

describe('a deployment', () => {
  test('becomes a replica set, pods, and pods spread over the nodes', async () => {
    await makeWeb(3);
    await rolledOut(3);
    expect(new Set((await running()).map(({ spec }) => spec.nodeName)).size).toBe(3);
    const { status, metadata } = await web();
    expect(status.conditions?.map(({ type, status: value, reason }) => `${type}=${value} ${reason}`).sort()).toEqual([
      'Available=True MinimumReplicasAvailable',
      'Progressing=True NewReplicaSetAvailable',
    ]);
    expect(metadata.annotations).toEqual({ 'deployment.kubernetes.io/revision': '1' });
    expect((await messages('Scheduled')).length).toBe(3);
    expect((await messages('SuccessfulCreate')).length).toBe(3);
  });

  test('scales, rolls to a new image and back, keeping enough pods available all the while', async () => {
    await makeWeb(4);
    await rolledOut(4);
    await edit({ replicas: 6 });
    await rolledOut(6);
    await edit({ template: template('nginx:2') });
    await cluster.until('the new image is everywhere', async () => {
      const all = (await podsOf()).filter(({ metadata }) => !metadata.deletionTimestamp);
      expect(all.length).toBeLessThanOrEqual(8);
      expect((await running()).length).toBeGreaterThanOrEqual(5);
      return (await running('nginx:2')).length === 6 && isAvailable(6);
    });
    await edit({ template: template('nginx:1') });
    await cluster.until('the old image is back', async () => (await running('nginx:1')).length === 6 && isAvailable(6));
    const { items: sets } = await cluster.client.list(replicaSets, { namespace: 'default' });
    expect(sets.map(({ spec }) => spec.replicas).sort()).toEqual([0, 6]);
    expect((await web()).metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
  });

  test('an image that never becomes ready leaves the old pods serving and says why after the deadline', async () => {
    await makeWeb(3);
    await rolledOut(3);
    await edit({ template: template('broken'), progressDeadlineSeconds: 60 });
    cluster.kubelets = 'unready';
    await cluster.until('the deadline is told of', async () => {
      const progressing = (await web()).status.conditions?.find(({ type }) => type === 'Progressing');
      return progressing?.reason === 'ProgressDeadlineExceeded';
    });
    expect((await running('nginx:1')).length).toBe(3);
  });

  test('deleted in the background, in the foreground, or alone', async () => {
    await makeWeb(2);
    await rolledOut(2);
    await cluster.client.delete(deployments, WEB, { propagationPolicy: 'Orphan' });
    await cluster.until('the deployment is gone', () => isGone(web()));
    expect((await running()).length).toBe(2);
    await makeWeb(2);
    await rolledOut(2);
    expect((await cluster.client.list(replicaSets, {})).items.map((set) => controllerOf(set)?.name)).toEqual(['web']);
    await cluster.client.delete(deployments, WEB, { propagationPolicy: 'Foreground' });
    await cluster.until('all is gone', async () => (await podsOf()).length === 0 && isGone(web()));
    await makeWeb(2);
    await rolledOut(2);
    await cluster.client.delete(deployments, WEB);
    await cluster.until(
      'all is gone',
      async () => (await podsOf()).length + (await cluster.client.list(replicaSets, {})).items.length === 0,
    );
  });
});

describe('pods and their controllers', () => {
  test('a pod that matches is adopted, one that is deleted is replaced', async () => {
    await cluster.client.create(pods, { metadata: { name: 'mine', namespace: 'default', labels }, spec: template('nginx:1').spec });
    await cluster.client.create(replicationControllers, {
      metadata: { name: 'web', namespace: 'default' },
      spec: { replicas: 2, template: template('nginx:1') },
    });
    const ready = async () => ((await cluster.client.get(replicationControllers, WEB)).status.readyReplicas ?? 0) === 2;
    await cluster.until('two are ready', ready);
    const all = await podsOf();
    expect(all.map((each) => controllerOf(each)?.name)).toEqual(['web', 'web']);
    expect(all.map(({ metadata }) => metadata.name)).toContain('mine');
    await cluster.client.delete(pods, { namespace: 'default', name: 'mine' });
    await cluster.until('another took its place', async () => (await running()).length === 2 && (await podsOf()).length === 2 && ready());
    expect((await podsOf()).map(({ metadata }) => metadata.name)).not.toContain('mine');
  });

  test('a pod that fits nowhere says why, and is placed once there is room', async () => {
    const resources = { requests: { cpu: '3' } };
    const big = (name: string) =>
      cluster.client.create(pods, {
        metadata: { name, namespace: 'default' },
        spec: { containers: [{ name: 'c', image: 'busybox', resources }] },
      });
    for (const name of ['a', 'b', 'c', 'd']) await big(name);
    await cluster.until('three run', async () => (await running()).length === 3);
    const waiting = (await podsOf()).find(({ spec }) => !spec.nodeName)!;
    await cluster.until('it is told why', async () => (await messages('FailedScheduling')).length > 0);
    const why =
      '0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.';
    expect(await messages('FailedScheduling')).toEqual([why]);
    const condition = (await cluster.client.get(pods, waiting.metadata)).status.conditions?.find(({ type }) => type === 'PodScheduled');
    expect(condition).toMatchObject({ status: 'False', reason: 'Unschedulable', message: why });
    await cluster.client.delete(pods, (await running())[0]!.metadata);
    await cluster.until('it runs too', async () => (await running()).some(({ metadata }) => metadata.name === waiting.metadata.name));
  });
});

test('at rest nothing is written', async () => {
  await cluster.client.create(services, { metadata: WEB, spec: { selector: labels, ports: [{ port: 80 }] } });
  await makeWeb(3);
  await rolledOut(3);
  await cluster.pass(5);
  const version = async () => (await cluster.client.list(pods)).resourceVersion;
  const before = await version();
  await cluster.pass(20);
  expect(await version()).toBe(before);
});

test('endpoints and slices follow the pods of a Service', async () => {
  await cluster.client.create(services, { metadata: WEB, spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] } });
  await makeWeb(2);
  await rolledOut(2);
  const slices = async () => (await cluster.client.list(endpointSlices, { labelSelector: 'kubernetes.io/service-name=web' })).items;
  const ready = async () => (await slices()).flatMap((slice) => slice.endpoints ?? []).filter(({ conditions }) => conditions.ready).length;
  await cluster.until('both stand behind it', async () => (await ready()) === 2);
  expect((await slices()).map(({ ports }) => ports.map(({ port, protocol }) => [port, protocol]))).toEqual([[[8080, 'TCP']]]);
  expect((await cluster.client.get(endpoints, WEB)).subsets?.map(({ addresses }) => addresses?.length)).toEqual([2]);
  await edit({ replicas: 0 });
  await cluster.until('none does', async () => (await ready()) === 0 && !(await cluster.client.get(endpoints, WEB)).subsets?.length);
  await cluster.client.delete(services, WEB);
  await cluster.until('they are gone', async () => (await slices()).length === 0 && isGone(cluster.client.get(endpoints, WEB)));
});

test('a namespace is emptied, and then goes', async () => {
  await cluster.client.create(namespaces, { metadata: { name: 'dev' } });
  await makeWeb(2, 'dev');
  await cluster.client.create(configMaps, { metadata: { name: 'c', namespace: 'dev' } });
  await cluster.until('its pods run', async () => (await podsOf('dev')).filter(({ status }) => status.phase === 'Running').length === 2);
  cluster.kubelets = 'gone';
  await cluster.client.delete(namespaces, { name: 'dev' });
  await cluster.until('it says what remains', async () => {
    const { status } = await cluster.client.get(namespaces, { name: 'dev' });
    const remaining = status.conditions?.find(({ type }) => type === 'NamespaceContentRemaining');
    return remaining?.message === 'Some resources are remaining: pods. has 2 resource instances';
  });
  // What the pods lean on.
  expect((await cluster.client.get(configMaps, { namespace: 'dev', name: 'c' })).metadata.deletionTimestamp).toBeUndefined();
  cluster.kubelets = 'ready';
  await cluster.until('it is gone', () => isGone(cluster.client.get(namespaces, { name: 'dev' })));
  expect(await podsOf('dev')).toEqual([]);
});

describe('a node', () => {
  const others = ['node-2', 'node-3'];
  const state = async (name: string) => {
    const { status, spec } = await cluster.client.get(nodes, { name });
    return [
      status.conditions?.find(({ type }) => type === 'Ready')?.status,
      (spec.taints ?? []).map(({ key, effect }) => `${key.split('/')[1]}:${effect}`),
    ];
  };

  test('has addresses of its own for its pods', async () => {
    const cidrs = async () => (await cluster.client.list(nodes)).items.map(({ spec }) => spec.podCIDR);
    await cluster.until('all have', async () => (await cidrs()).every(Boolean));
    expect((await cidrs()).sort()).toEqual(['10.244.0.0/24', '10.244.1.0/24', '10.244.2.0/24']);
  });

  test('that falls silent: unknown after 40 s, its pods replaced elsewhere after 5 min, and it is welcome back', async () => {
    await makeWeb(3);
    await rolledOut(3);
    const lost = (await running()).find(({ spec }) => spec.nodeName === 'node-1')!;
    cluster.kubelets = 'gone';
    await cluster.pass(35, ...others);
    expect(await state('node-1')).toEqual(['True', []]);
    await cluster.pass(10, ...others);
    expect(await state('node-1')).toEqual(['Unknown', ['unreachable:NoSchedule', 'unreachable:NoExecute']]);
    expect(await state('node-2')).toEqual(['True', []]);
    const condition = (await cluster.client.get(pods, lost.metadata)).status.conditions?.find(({ type }) => type === 'Ready');
    expect(condition?.status).toBe('False');
    await cluster.pass(285, ...others);
    expect((await cluster.client.get(pods, lost.metadata)).metadata.deletionTimestamp).toBeUndefined();
    await cluster.pass(20, ...others);
    expect((await cluster.client.get(pods, lost.metadata)).metadata.deletionTimestamp).toBeDefined();
    const replacement = (await podsOf()).find(({ status }) => status.phase === 'Pending')!;
    expect(others).toContain(replacement.spec.nodeName);
    expect(await messages('TaintManagerEviction')).toEqual([`Marking for deletion Pod default/${lost.metadata.name}`]);
    const back = [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date(cluster.clock.now()).toISOString() }];
    await cluster.client.patch(nodes, { name: 'node-1' }, MERGE, { status: { conditions: back } }, 'status');
    await cluster.pass(5, 'node-1', ...others);
    expect(await state('node-1')).toEqual(['True', []]);
  });

  test('that is removed takes its pods with it', async () => {
    await makeWeb(3);
    await rolledOut(3);
    cluster.kubelets = 'gone';
    await cluster.client.delete(nodes, { name: 'node-1' });
    await cluster.pass(60, ...others);
    expect((await podsOf()).map(({ spec }) => spec.nodeName).sort()).not.toContain('node-1');
    expect((await podsOf()).length).toBe(3);
  });
});
