// Deployments: sizes of replica sets during a rollout, revisions, hashes and conditions.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  currentAnnotations,
  replicasOf,
  sizeAnnotations,
  splitReplicaSets,
  sumReplicas,
  surplusHistory,
  templateHash,
} from '../../../src/controllers/deployment-replicasets.js';
import { boundsOf, isScalingEvent, newSetSize, proportionalScale, rollingStep } from '../../../src/controllers/deployment-scale.js';
import { deploymentStatus } from '../../../src/controllers/deployment-status.js';
import type { ReplicaSet } from '../../../src/kinds/types/apps_v1.js';
import { at, deployment, NOW, replicaSet, template } from './objects.js';

const REVISION = 'deployment.kubernetes.io/revision';

const set = (
  name: string,
  replicas: number,
  available: number,
  annotations: { [name: string]: string } = {},
  image = 'nginx',
): ReplicaSet =>
  replicaSet(name, {
    metadata: { annotations },
    spec: { replicas, template: template(image) },
    status: { replicas, readyReplicas: available, availableReplicas: available },
  });

const resized = (
  before: ReplicaSet,
  replicas: number,
  available = Math.min(replicas, before.status.availableReplicas ?? 0),
): ReplicaSet => ({
  ...before,
  spec: { ...before.spec, replicas },
  status: { ...before.status, replicas, availableReplicas: available },
});

describe('bounds', () => {
  test.each([
    [10, '25%', '25%', { maxSurge: 3, maxUnavailable: 2 }],
    [1, '25%', '25%', { maxSurge: 1, maxUnavailable: 0 }],
    [4, 2, 0, { maxSurge: 2, maxUnavailable: 0 }],
    [3, 0, '10%', { maxSurge: 0, maxUnavailable: 1 }],
    [0, 0, 0, { maxSurge: 0, maxUnavailable: 0 }],
  ])('%d replicas, surge %s, unavailable %s', (replicas, maxSurge, maxUnavailable, bounds) => {
    const spec = { replicas, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } };
    expect(boundsOf(deployment('d', { spec }))).toEqual({ desired: replicas, ...bounds });
  });
});

describe('rolling update', () => {
  const scenario = fc.record({
    desired: fc.integer({ min: 1, max: 12 }),
    maxSurge: fc.nat(5),
    maxUnavailable: fc.nat(5),
    old: fc.integer({ min: 0, max: 12 }),
    choices: fc.array(fc.nat(), { minLength: 1, maxLength: 50 }),
  });

  test('ends with the new set alone, and on the way keeps to the surge and to the pods that must be available', () => {
    fc.assert(
      fc.property(scenario, ({ desired, maxSurge, maxUnavailable, old: oldSize, choices }) => {
        const spec = { replicas: desired, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } };
        const bounds = boundsOf(deployment('d', { spec }));
        let current = set('new', newSetSize(bounds, undefined, [set('old', oldSize, oldSize)]), 0);
        let old = set('old', oldSize, oldSize);
        const minAvailable = Math.min(oldSize, bounds.desired - bounds.maxUnavailable);
        for (let pass = 0; pass < 200; pass++) {
          const steps = rollingStep(bounds, current, [old]);
          for (const { set: which, replicas } of steps) {
            if (which === current) current = resized(current, replicas);
            else old = resized(old, replicas);
          }
          expect(sumReplicas([current, old])).toBeLessThanOrEqual(Math.max(oldSize, bounds.desired + bounds.maxSurge));
          expect(current.status.availableReplicas! + old.status.availableReplicas!).toBeGreaterThanOrEqual(minAvailable);
          // Any number of the new pods may have become available by the next pass.
          const pending = replicasOf(current) - current.status.availableReplicas!;
          const ready = steps.length > 0 ? choices[pass % choices.length]! % (pending + 1) : pending;
          current = resized(current, replicasOf(current), current.status.availableReplicas! + ready);
        }
        expect([replicasOf(current), replicasOf(old)]).toEqual([desired, 0]);
      }),
    );
  });

  test('old pods that are not available are the first to go', () => {
    const bounds = { desired: 4, maxSurge: 1, maxUnavailable: 1 };
    const sick = set('sick', 2, 0);
    const well = set('well', 2, 2);
    const steps = rollingStep(bounds, set('new', 1, 1), [well, sick]);
    expect(steps).toEqual([{ set: sick, replicas: 0 }]);
  });

  test('a new set that never becomes ready stops the rollout with enough old pods left', () => {
    const bounds = { desired: 3, maxSurge: 1, maxUnavailable: 0 };
    expect(rollingStep(bounds, set('new', 1, 0), [set('old', 3, 3)])).toEqual([]);
  });
});

describe('scaling', () => {
  const sized = (desired: number) => ({ ...sizeAnnotations(desired, 0) });

  test('a change of size is told from a change of template by what the sets were scaled for', () => {
    const d = deployment('d', { spec: { replicas: 6 } });
    expect(isScalingEvent(d, [set('a', 3, 3, sized(3))])).toBe(true);
    expect(isScalingEvent(d, [set('a', 6, 3, sized(6))])).toBe(false);
    expect(isScalingEvent(d, [set('gone', 0, 0, sized(3))])).toBe(false);
  });

  test('the only active set takes the whole change', () => {
    const only = set('a', 3, 3, sized(3));
    expect(proportionalScale(deployment('d'), { desired: 6, maxSurge: 2, maxUnavailable: 1 }, only, [set('b', 0, 0)])).toEqual([
      { set: only, replicas: 6 },
    ]);
  });

  test('in the middle of a rollout each set keeps its share, and together they are what was asked for', () => {
    const share = fc.record({ old: fc.integer({ min: 1, max: 20 }), now: fc.integer({ min: 1, max: 20 }), desired: fc.nat(60) });
    fc.assert(
      fc.property(share, ({ old, now, desired }) => {
        const annotations = sized(old + now);
        const current = set('new', now, 0, annotations);
        const previous = set('old', old, old, annotations);
        const steps = proportionalScale(deployment('d'), { desired, maxSurge: 0, maxUnavailable: 1 }, current, [previous]);
        const size = (which: ReplicaSet) => steps.find((step) => step.set === which)?.replicas ?? replicasOf(which);
        expect(size(current) + size(previous)).toBe(desired);
        expect(Math.min(size(current), size(previous))).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('revisions and names', () => {
  test('the hash depends on the template alone, not on the order of its fields, and another collision gives another', () => {
    const a = template();
    const reordered = { spec: a.spec, metadata: { labels: { 'pod-template-hash': 'x', app: 'web' } } } as unknown as typeof a;
    expect(templateHash(reordered)).toBe(templateHash(a));
    expect(templateHash(template('nginx:2'))).not.toBe(templateHash(a));
    expect(templateHash(a, 1)).not.toBe(templateHash(a));
    expect(templateHash(a)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
  });

  test('going back to an older template gives its set the newest revision and remembers the one it had', () => {
    const back = set('back', 0, 0, { [REVISION]: '1' });
    const newest = set('newest', 3, 3, { [REVISION]: '2' }, 'nginx:2');
    const { current, old } = splitReplicaSets(deployment('d'), [newest, back]);
    expect(current).toBe(back);
    expect(currentAnnotations(deployment('d'), current, old)).toEqual({
      [REVISION]: '3',
      'deployment.kubernetes.io/revision-history': '1',
    });
  });

  test('annotations come along, but not what kubectl last applied', () => {
    const d = deployment('d', {
      metadata: { annotations: { 'kubernetes.io/change-cause': 'v2', 'kubectl.kubernetes.io/last-applied-configuration': '{}' } },
    });
    expect(currentAnnotations(d, undefined, [])).toEqual({ 'kubernetes.io/change-cause': 'v2', [REVISION]: '1' });
  });

  test('history beyond the limit goes, the oldest first, but nothing that still has pods', () => {
    const old = [1, 2, 3, 4].map((revision) => set(`r${revision}`, revision === 2 ? 1 : 0, 0, { [REVISION]: String(revision) }));
    const d = deployment('d', { spec: { revisionHistoryLimit: 1 } });
    expect(surplusHistory(d, old).map(({ metadata }) => metadata.name)).toEqual(['r1', 'r3']);
  });
});

describe('conditions', () => {
  const condition = (result: ReturnType<typeof deploymentStatus>, type: string) =>
    result.status.conditions?.find((each) => each.type === type);
  const base = { old: [], note: undefined, rollingOut: true, now_ms: NOW } as const;

  test('from created to available', () => {
    const created = deploymentStatus({ ...base, deployment: deployment('d'), current: set('d-1', 1, 0), note: 'NewReplicaSetCreated' });
    expect(condition(created, 'Progressing')).toMatchObject({ status: 'True', message: expect.stringContaining('d-1') });
    expect(condition(created, 'Available')).toMatchObject({ status: 'False', reason: 'MinimumReplicasUnavailable' });
    const after = deploymentStatus({ ...base, deployment: deployment('d', { status: created.status }), current: set('d-1', 1, 1) });
    expect(condition(after, 'Progressing')).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
    expect(condition(after, 'Available')).toMatchObject({ status: 'True', reason: 'MinimumReplicasAvailable' });
    expect(after.status).toMatchObject({ replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1, unavailableReplicas: 0 });
    const again = deploymentStatus({
      ...base,
      deployment: deployment('d', { status: after.status }),
      current: set('d-1', 1, 1),
      now_ms: NOW + 9e9,
    });
    expect(again.status).toEqual(after.status);
  });

  test('a rollout that stands still past its deadline says so, and asks to be looked at then', () => {
    const stuck = {
      replicas: 1,
      updatedReplicas: 1,
      conditions: [{ type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated', lastUpdateTime: at(0), lastTransitionTime: at(0) }],
    };
    const d = deployment('d', { status: stuck });
    const before = deploymentStatus({ ...base, deployment: d, current: set('d-1', 1, 0), now_ms: NOW + 599_000 });
    expect(condition(before, 'Progressing')?.reason).toBe('ReplicaSetUpdated');
    expect(before.requeueAfter_ms).toBe(2000);
    const after = deploymentStatus({ ...base, deployment: d, current: set('d-1', 1, 0), now_ms: NOW + 601_000 });
    expect(condition(after, 'Progressing')).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded' });
  });

  test('a replica set that cannot make pods shows in the deployment', () => {
    const failing = replicaSet('d-1', {
      status: { replicas: 0, conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota' }] },
    });
    const result = deploymentStatus({ ...base, deployment: deployment('d'), current: failing });
    expect(condition(result, 'ReplicaFailure')).toMatchObject({ status: 'True', reason: 'FailedCreate', message: 'exceeded quota' });
  });
});
