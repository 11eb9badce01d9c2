// StatefulSets: what a user sees of their pods, claims and revisions, with the test as the kubelets; and what is planned, for any state.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isBeingDeleted } from '../../../src/apimachinery/object.js';
import { retainClaims } from '../../../src/controllers/statefulset-claims.js';
import { planStatefulSet } from '../../../src/controllers/statefulset-plan.js';
import { controllerRevisions } from '../../../src/kinds/apps/controllerrevision.js';
import { statefulSets } from '../../../src/kinds/apps/statefulset.js';
import { persistentVolumeClaims } from '../../../src/kinds/core/persistentvolumeclaim.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { StatefulSet } from '../../../src/kinds/types/apps_v1.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { one, useControlPlane } from './control-plane.js';
import { listerOf, NOW, readyPod, statefulSet, template } from './objects.js';

const plane = useControlPlane();
const DB = { namespace: 'default', name: 'db' };
const MERGE = 'application/merge-patch+json';
const edit = (spec: object) => plane.api.patch(statefulSets, DB, MERGE, { spec });
const make = (spec: object = {}) => plane.api.create(statefulSets, statefulSet('db', { spec }));
const status = () => one(plane.api.objects(statefulSets)).status;
const names = (all: readonly { readonly metadata: { readonly name: string } }[]) => all.map(({ metadata }) => metadata.name).sort();
const live = () => names(plane.active());
const podNamed = (name: string) => plane.api.get(pods, { namespace: 'default', name });
const images = () =>
  Object.fromEntries(
    plane
      .active()
      .map(({ metadata, spec }) => [metadata.name, spec.containers[0]!.image])
      .sort() as [string, string][],
  );
const claims = [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } }];

/** As a kubelet does with the one pod that waits, or with those that are to go. */
async function step(): Promise<void> {
  for (const each of plane.api.objects(pods)) {
    if (isBeingDeleted(each)) await plane.api.delete(pods, each.metadata, { gracePeriodSeconds: 0 });
    else if (each.status.phase === 'Pending') await plane.run(each, 'node-1');
  }
  await plane.quiet();
}

describe('pods', () => {
  test('come one after the other, each once those before it are ready, and go in the opposite order', async () => {
    await make({ replicas: 3 });
    await plane.quiet();
    expect(live()).toEqual(['db-0']);
    await step();
    expect(live()).toEqual(['db-0', 'db-1']);
    await step();
    await step();
    expect(live()).toEqual(['db-0', 'db-1', 'db-2']);
    await edit({ replicas: 1 });
    await plane.quiet();
    expect(live()).toEqual(['db-0', 'db-1']);
    await plane.quiet();
    expect(live(), 'db-1 waits until db-2 has gone').toEqual(['db-0', 'db-1']);
    await step();
    expect(live()).toEqual(['db-0']);
    await plane.settled();
    expect(status()).toMatchObject({ replicas: 1, readyReplicas: 1, availableReplicas: 1, currentReplicas: 1, updatedReplicas: 1 });
    expect(plane.told).toContain('StatefulSet db Normal SuccessfulCreate: create Pod db-0 in StatefulSet db successful');
    expect(plane.told).toContain('StatefulSet db Normal SuccessfulDelete: delete Pod db-2 in StatefulSet db successful');
  });

  test('come and go all at once where the policy is Parallel', async () => {
    await make({ replicas: 3, podManagementPolicy: 'Parallel' });
    await plane.quiet();
    expect(live()).toEqual(['db-0', 'db-1', 'db-2']);
    await plane.settled();
    await edit({ replicas: 0 });
    await plane.quiet();
    expect(live()).toEqual([]);
  });

  test('have an identity: name, host name, labels, and the ordinals begin where they are told to', async () => {
    await make({ replicas: 2, ordinals: { start: 5 } });
    await plane.settled();
    expect(live()).toEqual(['db-5', 'db-6']);
    const { metadata, spec } = await podNamed('db-5');
    expect(metadata.labels).toMatchObject({
      'statefulset.kubernetes.io/pod-name': 'db-5',
      'apps.kubernetes.io/pod-index': '5',
      'controller-revision-hash': status().updateRevision,
    });
    expect([spec.hostname, spec.subdomain]).toEqual(['db-5', 'db']);
    await edit({ ordinals: { start: 0 } });
    await plane.settled();
    expect(live()).toEqual(['db-0', 'db-1']);
  });

  test('that failed or were deleted come back under their name; a label that was taken off is put back', async () => {
    await make({ replicas: 2 });
    await plane.settled();
    const first = await podNamed('db-0');
    await plane.api.update(pods, { ...first, status: { phase: 'Failed' } });
    await plane.settled();
    const second = await podNamed('db-0');
    expect(second.metadata.uid).not.toBe(first.metadata.uid);
    await plane.api.delete(pods, second.metadata);
    await plane.settled();
    expect((await podNamed('db-0')).metadata.uid).not.toBe(second.metadata.uid);
    const labels = { 'statefulset.kubernetes.io/pod-name': null };
    await plane.api.patch(pods, { namespace: 'default', name: 'db-1' }, MERGE, { metadata: { labels } });
    await plane.settled();
    expect((await podNamed('db-1')).metadata.labels?.['statefulset.kubernetes.io/pod-name']).toBe('db-1');
  });

  test('count as available, and let the next one come, only after minReadySeconds', async () => {
    await make({ replicas: 2, minReadySeconds: 10 });
    await plane.settled();
    expect(live()).toEqual(['db-0']);
    expect(status()).toMatchObject({ readyReplicas: 1, availableReplicas: 0 });
    await plane.clock.advance(10_000);
    await plane.quiet();
    expect(live()).toEqual(['db-0', 'db-1']);
    expect(status().availableReplicas).toBe(1);
  });
});

describe('updates', () => {
  test('go from the highest pod down, one at a time, and then the set is of the new revision', async () => {
    await make({ replicas: 3 });
    await plane.settled();
    const before = status().currentRevision;
    await edit({ template: template('nginx:2') });
    await plane.quiet();
    expect(live()).toEqual(['db-0', 'db-1']);
    expect(status()).toMatchObject({ currentRevision: before, currentReplicas: 2, updatedReplicas: 0 });
    await step();
    expect(images()).toEqual({ 'db-0': 'nginx', 'db-1': 'nginx', 'db-2': 'nginx:2' });
    await step();
    expect(live(), 'db-1 goes only now that db-2 is ready').toEqual(['db-0', 'db-2']);
    await plane.settled();
    expect(Object.values(images())).toEqual(['nginx:2', 'nginx:2', 'nginx:2']);
    expect(status().currentRevision).toBe(status().updateRevision);
    expect(status()).toMatchObject({ currentReplicas: 3, updatedReplicas: 3, collisionCount: 0 });
    const quiet = plane.api.version;
    await plane.clock.advance(30_000);
    await plane.quiet();
    expect(plane.api.version, 'nothing is written while nothing changes').toBe(quiet);
  });

  test('leave the pods below the partition as they are, those made anew too', async () => {
    await make({ replicas: 3 });
    await plane.settled();
    await edit({ template: template('nginx:2'), updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } });
    await plane.settled();
    expect(images()).toEqual({ 'db-0': 'nginx', 'db-1': 'nginx', 'db-2': 'nginx:2' });
    await plane.api.delete(pods, { namespace: 'default', name: 'db-0' });
    await plane.settled();
    expect(images()).toMatchObject({ 'db-0': 'nginx' });
    expect(status()).toMatchObject({ currentReplicas: 2, updatedReplicas: 1 });
    await edit({ updateStrategy: { rollingUpdate: { partition: 0 } } });
    await plane.settled();
    expect(Object.values(images())).toEqual(['nginx:2', 'nginx:2', 'nginx:2']);
  });

  test('take as many pods at once as maxUnavailable lets them', async () => {
    await make({ replicas: 4, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 2 } } });
    await plane.settled();
    await edit({ template: template('nginx:2') });
    await plane.quiet();
    expect(live()).toEqual(['db-0', 'db-1']);
  });

  test('wait for the user to delete pods where the strategy is OnDelete', async () => {
    await make({ replicas: 2, updateStrategy: { type: 'OnDelete' } });
    await plane.settled();
    await edit({ template: template('nginx:2') });
    await plane.settled();
    expect(Object.values(images())).toEqual(['nginx', 'nginx']);
    await plane.api.delete(pods, { namespace: 'default', name: 'db-0' });
    await plane.settled();
    expect(images()).toEqual({ 'db-0': 'nginx:2', 'db-1': 'nginx' });
  });

  test('are kept as revisions, of which undo makes an old one the newest, and no more than the limit stay', async () => {
    await make({ revisionHistoryLimit: 1 });
    await plane.settled();
    const first = one(plane.api.objects(controllerRevisions));
    expect(first).toMatchObject({ revision: 1, metadata: { labels: { app: 'web' } }, data: { spec: { template: { $patch: 'replace' } } } });
    await edit({ template: template('nginx:2') });
    await plane.settled();
    await edit({ template: template() });
    await plane.settled();
    const [old, undone] = plane.api.objects(controllerRevisions).sort((a, b) => a.revision - b.revision);
    expect([old!.revision, undone!.revision, undone!.metadata.name]).toEqual([2, 3, first.metadata.name]);
    expect(status().updateRevision).toBe(first.metadata.name);
    await edit({ template: template('nginx:3') });
    await plane.settled();
    expect(
      plane.api
        .objects(controllerRevisions)
        .map(({ revision }) => revision)
        .sort(),
    ).toEqual([3, 4]);
  });

  test('a revision name that a stranger has is avoided', async () => {
    await make();
    await plane.settled();
    const { metadata } = one(plane.api.objects(controllerRevisions));
    await plane.api.delete(statefulSets, DB);
    await plane.settled();
    expect(plane.api.objects(controllerRevisions)).toEqual([]);
    await plane.api.create(controllerRevisions, { metadata: { name: metadata.name, namespace: 'default' }, data: {}, revision: 1 });
    await plane.api.create(statefulSets, statefulSet('db', { metadata: { uid: 'uid-db-2' } }));
    await plane.settled();
    expect(status()).toMatchObject({ collisionCount: 1, readyReplicas: 1 });
  });
});

describe('claims', () => {
  test('are made before their pod, by its name and with the labels of the selector, and stay when it goes', async () => {
    await make({ replicas: 2, volumeClaimTemplates: claims });
    await plane.settled();
    expect(names(plane.api.objects(persistentVolumeClaims))).toEqual(['data-db-0', 'data-db-1']);
    const claim = plane.api.objects(persistentVolumeClaims)[0]!;
    expect(claim.metadata).toMatchObject({ labels: { app: 'web' } });
    expect(claim.metadata.ownerReferences ?? []).toEqual([]);
    expect((await podNamed('db-1')).spec.volumes).toEqual([{ name: 'data', persistentVolumeClaim: { claimName: 'data-db-1' } }]);
    expect(plane.told).toContain('StatefulSet db Normal SuccessfulCreate: create Claim data-db-0 Pod db-0 in StatefulSet db success');
    await edit({ replicas: 1 });
    await plane.settled();
    await plane.api.delete(statefulSets, DB);
    await plane.settled();
    expect(names(plane.api.objects(persistentVolumeClaims))).toEqual(['data-db-0', 'data-db-1']);
  });

  test('go with the set, or with the pods that scaling takes, where the policy says so', async () => {
    const persistentVolumeClaimRetentionPolicy = { whenDeleted: 'Delete', whenScaled: 'Delete' };
    await make({ replicas: 2, volumeClaimTemplates: claims, persistentVolumeClaimRetentionPolicy });
    await plane.settled();
    const owners = () => plane.api.objects(persistentVolumeClaims).map(({ metadata }) => metadata.ownerReferences?.map(({ kind }) => kind));
    expect(owners()).toEqual([['StatefulSet'], ['StatefulSet']]);
    await plane.api.delete(pods, { namespace: 'default', name: 'db-1' });
    await plane.settled();
    expect(owners(), 'a pod that comes back finds its claim').toEqual([['StatefulSet'], ['StatefulSet']]);
    await edit({ replicas: 1 });
    await plane.settled();
    expect(names(plane.api.objects(persistentVolumeClaims))).toEqual(['data-db-0']);
    await edit({ replicas: 2 });
    await plane.settled();
    expect(owners()).toEqual([['StatefulSet'], ['StatefulSet']]);
    await plane.api.delete(statefulSets, DB);
    await plane.settled();
    expect(plane.api.objects(persistentVolumeClaims)).toEqual([]);
  });

  test('that is still going is waited for', async () => {
    await make({ replicas: 0, volumeClaimTemplates: claims });
    await plane.settled();
    const name = { namespace: 'default', name: 'data-db-0' };
    await plane.api.create(persistentVolumeClaims, { metadata: { ...name, finalizers: ['test/hold'] }, spec: {} });
    await plane.api.delete(persistentVolumeClaims, name);
    await edit({ replicas: 1 });
    await plane.quiet();
    expect(live()).toEqual([]);
    expect(plane.told).toContain(
      'StatefulSet db Warning FailedCreate: create Pod db-0 in StatefulSet db failed error: pvc data-db-0 is being deleted',
    );
    await plane.api.patch(persistentVolumeClaims, name, MERGE, { metadata: { finalizers: [] } });
    await plane.quiet();
    expect(live()).toEqual(['db-0']);
  });
});

describe('a plan', () => {
  const states = ['missing', 'ready', 'unready', 'terminating', 'failed'] as const;
  const arbitrary = fc.record({
    replicas: fc.integer({ min: 0, max: 5 }),
    start: fc.integer({ min: 0, max: 3 }),
    partition: fc.integer({ min: 0, max: 6 }),
    maxUnavailable: fc.integer({ min: 1, max: 3 }),
    parallel: fc.boolean(),
    pods: fc.array(fc.record({ state: fc.constantFrom(...states), updated: fc.boolean() }), { maxLength: 9 }),
  });
  type Case = typeof arbitrary extends fc.Arbitrary<infer T> ? T : never;
  const input = ({ replicas, start, partition, maxUnavailable, parallel, pods: states_ }: Case) => {
    const set = statefulSet('db', {
      spec: {
        replicas,
        ordinals: { start },
        podManagementPolicy: parallel ? 'Parallel' : 'OrderedReady',
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition, maxUnavailable } },
      },
    });
    const all = states_.flatMap(({ state, updated }, ordinal) => (state === 'missing' ? [] : [podIn(state, ordinal, updated)]));
    return { set, pods: all, updateRevision: 'new', now_ms: NOW };
  };
  const podIn = (state: string, ordinal: number, updated: boolean): Pod =>
    readyPod(`db-${ordinal}`, {
      metadata: {
        labels: { 'controller-revision-hash': updated ? 'new' : 'old' },
        ...(state === 'terminating' && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
      },
      status: state === 'failed' ? { phase: 'Failed', conditions: [] } : state === 'unready' ? { conditions: [] } : {},
    });
  const works = (pod: Pod) => !isBeingDeleted(pod) && pod.status.conditions?.[0]?.status === 'True';
  const ordinal = (pod: Pod) => Number(pod.metadata.name.slice(3));
  const inRange = (set: StatefulSet, n: number) => n >= set.spec.ordinals!.start && n < set.spec.ordinals!.start + set.spec.replicas!;

  test('makes only what is missing, deletes nothing twice, and updates no more than may be unavailable', () => {
    fc.assert(
      fc.property(arbitrary, (each) => {
        const given = input(each);
        const { create, remove } = planStatefulSet(given);
        const there = new Set(given.pods.map(ordinal));
        for (const n of create) expect(inRange(given.set, n) && !there.has(n)).toBe(true);
        expect(new Set(remove).size).toBe(remove.length);
        for (const pod of remove) expect(isBeingDeleted(pod)).toBe(false);
        const wanted = given.pods.filter((pod) => inRange(given.set, ordinal(pod)));
        const broken = each.replicas - wanted.filter(works).length;
        const updated = remove.filter((pod) => inRange(given.set, ordinal(pod)) && works(pod));
        expect(updated.length).toBeLessThanOrEqual(Math.max(0, each.maxUnavailable - broken));
        for (const pod of updated) expect(ordinal(pod)).toBeGreaterThanOrEqual(each.start + each.partition);
        if (!each.parallel && updated.length === 0) expect(create.length + remove.length).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('carried out again and again, by kubelets that do their work, ends with the pods that are asked for', () => {
    fc.assert(
      fc.property(arbitrary, (each) => {
        const given = input(each);
        let now: readonly Pod[] = given.pods;
        for (let pass = 0; pass < 60; pass++) {
          // What is of the present template and wanted becomes ready; what is to go, goes.
          now = now.filter((pod) => !isBeingDeleted(pod)).map((pod) => (pod.status.phase === 'Failed' ? pod : readyAgain(pod)));
          const { create, remove } = planStatefulSet({ ...given, pods: now });
          if (create.length + remove.length === 0) break;
          now = [...now.filter((pod) => !remove.includes(pod)), ...create.map((n) => podIn('ready', n, n >= each.start + each.partition))];
        }
        const expected = Array.from({ length: each.replicas }, (_, i) => `db-${each.start + i}`);
        expect(names(now)).toEqual(expected);
        const late = now.filter((pod) => ordinal(pod) >= each.start + each.partition);
        expect(late.map((pod) => pod.metadata.labels!['controller-revision-hash'])).toEqual(late.map(() => 'new'));
      }),
    );
  });

  const readyAgain = (pod: Pod) => podIn('ready', ordinal(pod), pod.metadata.labels!['controller-revision-hash'] === 'new');
});

test('a claim is not given up with its pod by a manager that still sees the set smaller', async () => {
  const volumeClaimTemplates = [{ metadata: { name: 'data' }, spec: { resources: { requests: { storage: '1Gi' } } } }];
  await make({ replicas: 2, volumeClaimTemplates, persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Delete' } });
  await plane.settled();
  const set = one(plane.api.objects(statefulSets));
  const smaller = { ...set, metadata: { ...set.metadata, generation: 0 }, spec: { ...set.spec, replicas: 1 } };
  const context = { ...listerOf([[persistentVolumeClaims, plane.api.objects(persistentVolumeClaims)]]), client: plane.api };
  await expect(retainClaims(context as never, smaller, await podNamed('db-1'))).rejects.toMatchObject({ reason: 'Conflict' });
  expect(plane.api.objects(persistentVolumeClaims).flatMap(({ metadata }) => metadata.ownerReferences ?? [])).toEqual([]);
});
