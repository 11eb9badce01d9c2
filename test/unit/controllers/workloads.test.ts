// Replica sets, replication controllers and deployments: what a user sees after creating, changing and scaling them.
import { describe, expect, test } from 'vitest';
import { controllerOf, isBeingDeleted } from '../../../src/apimachinery/object.js';
import { deployments } from '../../../src/kinds/apps/deployment.js';
import { replicaSets } from '../../../src/kinds/apps/replicaset.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { replicationControllers } from '../../../src/kinds/core/replicationcontroller.js';
import { settle } from '../client/fakes.js';
import { edit, one, stored, useControlPlane, web } from './control-plane.js';
import { pod, replicaSet, template } from './objects.js';

const plane = useControlPlane();

describe('replica sets', () => {
  const set = (replicas: number) =>
    replicaSet('web', { spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: template() } });

  test('as many pods as asked for; one that is deleted is replaced; scaling works both ways', async () => {
    await plane.api.create(replicaSets, set(3));
    await plane.settled();
    expect(plane.active()).toHaveLength(3);
    expect(one(plane.api.objects(replicaSets)).status).toMatchObject({
      replicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      observedGeneration: 1,
    });
    await plane.api.delete(pods, plane.active()[0]!.metadata);
    await plane.settled();
    expect(plane.active()).toHaveLength(3);
    await plane.api.patch(replicaSets, set(3).metadata, 'application/merge-patch+json', { spec: { replicas: 1 } });
    await plane.settled();
    expect(plane.active()).toHaveLength(1);
    expect(plane.told.filter((line) => line.includes('SuccessfulCreate'))).toHaveLength(4);
    expect(plane.told.filter((line) => line.includes('SuccessfulDelete'))).toHaveLength(2);
  });

  test('never a pod too many, however late the watch is', async () => {
    plane.api.hold();
    await plane.api.create(replicaSets, set(4));
    plane.api.release();
    await settle();
    plane.api.hold();
    await plane.quiet();
    plane.api.release();
    await plane.settled();
    expect(plane.active()).toHaveLength(4);
    expect(plane.api.count('create pods')).toBe(4);
  });

  test('pods that match are adopted, and one whose label is changed is let go and replaced', async () => {
    await plane.api.create(pods, pod('mine', { metadata: { labels: { app: 'web' } } }));
    await plane.api.create(replicaSets, set(2));
    await plane.settled();
    expect(plane.active()).toHaveLength(2);
    const mine = plane.active().find(({ metadata }) => metadata.name === 'mine')!;
    expect(controllerOf(mine)?.name).toBe('web');
    await plane.api.patch(pods, mine.metadata, 'application/merge-patch+json', { metadata: { labels: { app: 'debug' } } });
    await plane.settled();
    expect(plane.active()).toHaveLength(3);
    expect(plane.active().find(({ metadata }) => metadata.name === 'mine')?.metadata.ownerReferences ?? []).toEqual([]);
  });

  test('a replication controller does the same by its plain selector', async () => {
    await plane.api.create(replicationControllers, {
      metadata: { name: 'rc', namespace: 'default' },
      spec: { replicas: 2, selector: { app: 'web' }, template: template() },
    });
    await plane.settled();
    expect(plane.active().map((each) => controllerOf(each)?.kind)).toEqual(['ReplicationController', 'ReplicationController']);
    expect(one(plane.api.objects(replicationControllers)).status).toMatchObject({ replicas: 2, readyReplicas: 2 });
  });
});

describe('deployments', () => {
  test('makes a replica set that makes pods, and says when it is available', async () => {
    await plane.api.create(deployments, web(3));
    await plane.settled();
    const set = one(plane.api.objects(replicaSets));
    expect(plane.active()).toHaveLength(3);
    expect(plane.active()[0]!.metadata.labels?.['pod-template-hash']).toBe(set.metadata.labels?.['pod-template-hash']);
    expect(stored(plane).status).toMatchObject({
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      unavailableReplicas: 0,
    });
    expect(
      stored(plane)
        .status.conditions?.map(({ type, status, reason }) => `${type}=${status} ${reason}`)
        .sort(),
    ).toEqual(['Available=True MinimumReplicasAvailable', 'Progressing=True NewReplicaSetAvailable']);
    expect(stored(plane).metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
    expect(plane.told).toContain(`Deployment web Normal ScalingReplicaSet: Scaled up replica set ${set.metadata.name} from 0 to 3`);
    const before = plane.api.version;
    await plane.clock.advance(30_000);
    await plane.quiet();
    expect(plane.api.version, 'nothing is written while nothing changes').toBe(before);
  });

  test('a new image replaces the pods a few at a time; undo brings the old set back as a new revision', async () => {
    await plane.api.create(deployments, web(4));
    await plane.settled();
    await edit(plane, { template: template('nginx:2') });
    for (let pass = 0; pass < 12; pass++) {
      await plane.quiet();
      expect(plane.active().length).toBeLessThanOrEqual(5);
      expect(plane.active().filter((each) => each.status.phase === 'Running').length).toBeGreaterThanOrEqual(3);
      const next = plane.api.objects(pods).find((each) => each.status.phase === 'Pending' || isBeingDeleted(each));
      if (next && isBeingDeleted(next)) await plane.api.delete(pods, next.metadata, { gracePeriodSeconds: 0 });
      else if (next) await plane.run(next, 'node-1');
    }
    await plane.settled();
    expect(plane.active().map(({ spec }) => spec.containers[0]!.image)).toEqual(Array.from({ length: 4 }, () => 'nginx:2'));
    expect(
      plane.api
        .objects(replicaSets)
        .map(({ spec }) => spec.replicas)
        .sort(),
    ).toEqual([0, 4]);
    await edit(plane, { template: template() });
    await plane.settled();
    expect(plane.active().map(({ spec }) => spec.containers[0]!.image)).toEqual(Array.from({ length: 4 }, () => 'nginx'));
    expect(plane.api.objects(replicaSets)).toHaveLength(2);
    expect(stored(plane).metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
    expect(stored(plane).status).toMatchObject({ replicas: 4, updatedReplicas: 4, availableReplicas: 4, unavailableReplicas: 0 });
  });

  test('scaling changes the one set and makes no other', async () => {
    await plane.api.create(deployments, web(2));
    await plane.settled();
    await edit(plane, { replicas: 5 });
    await plane.settled();
    expect([plane.active().length, one(plane.api.objects(replicaSets)).spec.replicas]).toEqual([5, 5]);
    await edit(plane, { replicas: 0 });
    await plane.settled();
    expect(plane.active()).toHaveLength(0);
    await edit(plane, { replicas: 1 });
    await plane.settled();
    expect(plane.active()).toHaveLength(1);
  });

  test('paused, a new template waits; resumed, it rolls out', async () => {
    await plane.api.create(deployments, web(2));
    await plane.settled();
    await edit(plane, { paused: true, template: template('nginx:2') });
    await plane.settled();
    expect(plane.api.objects(replicaSets)).toHaveLength(1);
    expect(stored(plane).status.conditions?.find(({ type }) => type === 'Progressing')?.reason).toBe('DeploymentPaused');
    await edit(plane, { paused: false });
    await plane.settled();
    expect(plane.active().map(({ spec }) => spec.containers[0]!.image)).toEqual(['nginx:2', 'nginx:2']);
    expect(stored(plane).status.conditions?.find(({ type }) => type === 'Progressing')?.reason).toBe('NewReplicaSetAvailable');
  });

  test('Recreate starts the new pods only when the last old one has gone', async () => {
    await plane.api.create(deployments, web(2, { strategy: { type: 'Recreate' } }));
    await plane.settled();
    await edit(plane, { template: template('nginx:2') });
    await plane.quiet();
    expect(plane.active()).toHaveLength(0);
    expect(plane.api.objects(pods)).toHaveLength(2);
    expect(stored(plane).status).toMatchObject({ replicas: 0, terminatingReplicas: 2 });
    const [first, last] = plane.api.objects(pods);
    await plane.api.delete(pods, first!.metadata, { gracePeriodSeconds: 0 });
    await plane.quiet();
    expect(plane.active()).toHaveLength(0);
    await plane.api.delete(pods, last!.metadata, { gracePeriodSeconds: 0 });
    await plane.settled();
    expect(plane.active().map(({ spec }) => spec.containers[0]!.image)).toEqual(['nginx:2', 'nginx:2']);
  });

  test('a replica set name that is taken by a stranger is avoided', async () => {
    await plane.api.create(deployments, web(1));
    await plane.settled();
    const { metadata } = one(plane.api.objects(replicaSets));
    await plane.api.delete(deployments, stored(plane).metadata);
    await plane.settled();
    expect(plane.api.objects(replicaSets)).toHaveLength(0);
    await plane.api.create(
      replicaSets,
      replicaSet(metadata.name, { spec: { replicas: 0, selector: { matchLabels: { app: 'stranger' } } } }),
    );
    await plane.api.create(deployments, { ...web(1), metadata: { ...web(1).metadata, uid: 'uid-web-2' } });
    await plane.settled();
    expect(stored(plane).status).toMatchObject({ collisionCount: 1, availableReplicas: 1 });
    expect(plane.api.objects(replicaSets)).toHaveLength(2);
  });
});
