// StatefulSets and DaemonSets on a real API server with the real scheduler: what a user sees, with the test as the kubelets.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { controllerRevisions } from '../../../src/kinds/apps/controllerrevision.js';
import { daemonSets } from '../../../src/kinds/apps/daemonset.js';
import { statefulSets } from '../../../src/kinds/apps/statefulset.js';
import { events } from '../../../src/kinds/core/event.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { persistentVolumeClaims } from '../../../src/kinds/core/persistentvolumeclaim.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { type Cluster, startCluster } from './harness.js';

let cluster: Cluster;

beforeEach(async () => {
  cluster = await startCluster();
  for (const name of ['node-1', 'node-2', 'node-3']) await cluster.join(name);
});

afterEach(() => cluster.stop());

const MERGE = 'application/merge-patch+json';
const labels = { app: 'db' };
const template = (image: string) => ({ metadata: { labels }, spec: { containers: [{ name: 'db', image }] } });
const podsOf = async () => (await cluster.client.list(pods, { namespace: 'default' })).items;
const messages = async (reason: string) =>
  (await cluster.client.list(events, {})).items.filter((event) => event.reason === reason).map(({ message }) => message);

describe('a stateful set', () => {
  const DB = { namespace: 'default', name: 'db' };
  const set = () => cluster.client.get(statefulSets, DB);
  const make = (spec: object) =>
    cluster.client.create(statefulSets, {
      metadata: DB,
      spec: { replicas: 2, serviceName: 'db', selector: { matchLabels: labels }, template: template('db:1'), ...spec },
    });
  const rolledOut = (replicas: number) =>
    cluster.until('it is rolled out', async () => {
      const { status, metadata } = await set();
      const counts = [status.replicas, status.readyReplicas, status.availableReplicas, status.updatedReplicas, status.currentReplicas];
      const isThere = counts.every((count) => (count ?? 0) === replicas) && status.currentRevision === status.updateRevision;
      return isThere && status.observedGeneration === metadata.generation && (await podsOf()).length === replicas;
    });

  test('becomes pods with names of their own, is updated from the last to the first and scaled', async () => {
    await make({ replicas: 3 });
    await rolledOut(3);
    const before = (await set()).status.updateRevision!;
    await cluster.client.patch(statefulSets, DB, MERGE, { spec: { template: template('db:2') } });
    await rolledOut(3);
    expect((await podsOf()).map(({ spec }) => spec.containers[0]!.image)).toEqual(['db:2', 'db:2', 'db:2']);
    const revisions = (await cluster.client.list(controllerRevisions, { labelSelector: 'app=db' })).items;
    expect(revisions.map(({ revision }) => revision).sort()).toEqual([1, 2]);
    const { data } = await cluster.client.get(controllerRevisions, { namespace: 'default', name: before });
    await cluster.client.patch(statefulSets, DB, 'application/strategic-merge-patch+json', data);
    await rolledOut(3);
    expect((await podsOf()).map(({ spec }) => spec.containers[0]!.image)).toEqual(['db:1', 'db:1', 'db:1']);
    expect((await set()).status.updateRevision).toBe(before);
    await cluster.client.patch(statefulSets, DB, MERGE, { spec: { replicas: 1 } }, 'scale');
    await rolledOut(1);
    expect((await podsOf()).map(({ metadata }) => metadata.name)).toEqual(['db-0']);
    expect(
      (await messages('SuccessfulDelete')).filter((line) => line?.endsWith('db-2 in StatefulSet db successful')).length,
    ).toBeGreaterThan(0);
  });

  test('has claims that go with it where it says so', async () => {
    const volumeClaimTemplates = [
      { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    ];
    await make({ volumeClaimTemplates, persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Delete' } });
    const claims = async () => (await cluster.client.list(persistentVolumeClaims)).items;
    await cluster.until('the first is made and owned', async () => Boolean((await claims())[0]?.metadata.ownerReferences));
    const [claim] = await claims();
    expect([claim!.metadata.name, claim!.metadata.labels]).toEqual(['data-db-0', labels]);
    expect((await podsOf())[0]!.spec.volumes?.[0]).toMatchObject({ name: 'data', persistentVolumeClaim: { claimName: 'data-db-0' } });
    await cluster.client.delete(statefulSets, DB);
    await cluster.until('all is gone', async () => (await claims()).length + (await podsOf()).length === 0);
  });
});

describe('a daemon set', () => {
  const AGENT = { namespace: 'default', name: 'agent' };
  const set = () => cluster.client.get(daemonSets, AGENT);
  const make = (spec: object = {}) =>
    cluster.client.create(daemonSets, {
      metadata: AGENT,
      spec: { selector: { matchLabels: labels }, template: template('agent:1'), ...spec },
    });
  const rolledOut = (on: number) =>
    cluster.until(`it runs on ${on} nodes`, async () => {
      const { status, metadata } = await set();
      const { desiredNumberScheduled, currentNumberScheduled, numberAvailable, updatedNumberScheduled } = status;
      const counts = [desiredNumberScheduled, currentNumberScheduled, numberAvailable, updatedNumberScheduled];
      return (
        status.observedGeneration === metadata.generation && counts.every((count) => (count ?? 0) === on) && (await podsOf()).length === on
      );
    });
  const places = async () => (await podsOf()).map(({ spec }) => spec.nodeName).sort();

  test('runs on every node by way of the scheduler, a cordoned one too, and follows labels', async () => {
    await cluster.client.patch(nodes, { name: 'node-2' }, MERGE, { spec: { unschedulable: true } });
    await make();
    await rolledOut(3);
    expect(await places()).toEqual(['node-1', 'node-2', 'node-3']);
    expect((await messages('Scheduled')).length).toBe(3);
    await cluster.client.patch(daemonSets, AGENT, MERGE, { spec: { template: { spec: { nodeSelector: { disk: 'ssd' } } } } });
    await rolledOut(0);
    await cluster.client.patch(nodes, { name: 'node-3' }, MERGE, { metadata: { labels: { disk: 'ssd' } } });
    await rolledOut(1);
    expect(await places()).toEqual(['node-3']);
  });

  test('is updated node by node, or with a pod to spare, and undone by its revision', async () => {
    await make();
    await rolledOut(3);
    expect((await set()).metadata.annotations).toEqual({ 'deprecated.daemonset.template.generation': '1' });
    await cluster.client.patch(daemonSets, AGENT, MERGE, { spec: { template: template('agent:2') } });
    await rolledOut(3);
    const [pod] = await podsOf();
    expect(pod!.spec.containers[0]!.image).toBe('agent:2');
    expect(pod!.metadata.labels).toMatchObject({ 'pod-template-generation': '2' });
    const rollingUpdate = { maxSurge: 1, maxUnavailable: 0 };
    await cluster.client.patch(daemonSets, AGENT, MERGE, { spec: { updateStrategy: { rollingUpdate } } });
    const { items } = await cluster.client.list(controllerRevisions, { labelSelector: 'app=db' });
    const first = items.find(({ revision }) => revision === 1)!;
    await cluster.client.patch(daemonSets, AGENT, 'application/strategic-merge-patch+json', first.data);
    await rolledOut(3);
    expect((await podsOf()).map(({ spec }) => spec.containers[0]!.image)).toEqual(['agent:1', 'agent:1', 'agent:1']);
    await cluster.client.delete(daemonSets, AGENT);
    await cluster.until('all is gone', async () => (await podsOf()).length === 0);
  });
});
