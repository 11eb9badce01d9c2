// ReplicaSets and ReplicationControllers: which pods they own, which they give up first, and what their status says.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSelector } from '../../../src/apimachinery/labels.js';
import { claimStep } from '../../../src/controllers/controller-ref.js';
import { podFromTemplate, slowStart } from '../../../src/controllers/pod-control.js';
import { rankForDeletion } from '../../../src/controllers/pod-ranking.js';
import { replicaStatus } from '../../../src/controllers/replicas.js';
import { replicaSets } from '../../../src/kinds/apps/replicaset.js';
import { at, controlledBy, NOW, pod, readyPod, replicaSet, template } from './objects.js';

const owner = replicaSet('web');
const other = replicaSet('other');
const labels = { app: 'web' };
const ending = { deletionTimestamp: at(0) };

describe('whose a pod is', () => {
  test.each([
    ['own and matching: kept', owner, { labels, ownerReferences: [controlledBy(owner)] }, 'keep'],
    ['own and no longer matching: released', owner, { ownerReferences: [controlledBy(owner)] }, 'release'],
    ["another's: left alone, however its labels read", owner, { labels, ownerReferences: [controlledBy(other)] }, 'ignore'],
    ['of a namesake that is gone: left alone', owner, { labels, ownerReferences: [controlledBy(owner, { uid: 'old' })] }, 'ignore'],
    ['nobody’s and matching: adopted', owner, { labels }, 'adopt'],
    ['owned, but not controlled: adopted', owner, { labels, ownerReferences: [controlledBy(other, { controller: false })] }, 'adopt'],
    ['nobody’s and not matching: left alone', owner, {}, 'ignore'],
    ['nobody’s, matching, being deleted: left alone', owner, { labels, ...ending }, 'ignore'],
    ['an owner that is being deleted adopts none', replicaSet('web', { metadata: ending }), { labels }, 'ignore'],
    ['and releases none', replicaSet('web', { metadata: ending }), { ownerReferences: [controlledBy(owner)] }, 'ignore'],
  ])('%s', (_, claimant, metadata, step) => {
    expect(claimStep(claimant, parseSelector('app=web'), pod('p', { metadata }))).toBe(step);
  });
});

describe('which pods go first', () => {
  const order = [
    pod('unassigned'),
    pod('pending', { spec: { nodeName: 'n9' } }),
    pod('unready', { spec: { nodeName: 'n8' }, status: { phase: 'Running' } }),
    readyPod('cheap', { spec: { nodeName: 'n7' }, metadata: { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-1' } } }),
    readyPod('crowded-1', { spec: { nodeName: 'n6' } }, 5),
    readyPod('crowded-2', { spec: { nodeName: 'n6' } }, 4),
    readyPod('ready-late', { spec: { nodeName: 'n5' } }, 9),
    readyPod('restarted', { spec: { nodeName: 'n4' }, status: { containerStatuses: [{ restartCount: 3 }] } }),
    readyPod('younger', { spec: { nodeName: 'n3' }, metadata: { creationTimestamp: at(1) } }),
    readyPod('oldest', { spec: { nodeName: 'n2' } }),
  ];

  test('the least loss first, and the same order whatever order they come in', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(order, { minLength: order.length }), (shuffled) => {
        expect(rankForDeletion(shuffled).map(({ metadata }) => metadata.name)).toEqual(order.map(({ metadata }) => metadata.name));
      }),
    );
  });

  test('ages of the same order count as equal, so that not only the youngest go', () => {
    const created = (name: string, seconds: number) => readyPod(name, { metadata: { creationTimestamp: at(seconds) } }, seconds);
    const aged = [created('c', -90), created('b', -80), created('a', -600)];
    const names = (all: typeof aged) => rankForDeletion(all, { now_ms: NOW }).map(({ metadata }) => metadata.name);
    expect(names(aged)).toEqual(['b', 'c', 'a']);
    expect(rankForDeletion(aged).map(({ metadata }) => metadata.name)).toEqual(['b', 'c', 'a']);
    expect(names([created('a', -90), created('b', -80)])).toEqual(['a', 'b']);
  });

  test('a pod beside one of a sibling set goes before one that is alone', () => {
    const [beside, alone] = [readyPod('z', { spec: { nodeName: 'n1' } }), readyPod('a', { spec: { nodeName: 'n2' } })];
    const sibling = readyPod('s', { spec: { nodeName: 'n1' } });
    expect(rankForDeletion([alone, beside], { related: [alone, beside, sibling] })[0]).toBe(beside);
  });
});

describe('status', () => {
  const own = [
    readyPod('a', { metadata: { labels } }, -20),
    readyPod('b', { metadata: { labels } }, -5),
    pod('c', { metadata: { labels: {} } }),
  ];

  test('counts pods that are there, ready, ready for long enough, and of the template’s labels', () => {
    const set = replicaSet('web', { metadata: { generation: 4 }, spec: { minReadySeconds: 10 } });
    expect(replicaStatus({ owner: set, own, now_ms: NOW })).toEqual({
      replicas: 3,
      fullyLabeledReplicas: 2,
      readyReplicas: 2,
      availableReplicas: 1,
      observedGeneration: 4,
      conditions: [],
    });
  });

  test('without minReadySeconds a pod whose node’s clock runs ahead is available all the same', () => {
    expect(replicaStatus({ owner, own: [readyPod('a', {}, 3600)], now_ms: NOW }).availableReplicas).toBe(1);
  });
});

describe('making pods', () => {
  test('a pod takes the template’s labels and spec and its owner as controller', () => {
    expect(podFromTemplate(replicaSets, owner, template())).toMatchObject({
      metadata: { generateName: 'web-', namespace: 'default', labels, ownerReferences: [controlledBy(owner)] },
      spec: { containers: [{ name: 'web', image: 'nginx' }] },
    });
  });

  test('batches grow as long as all goes well, and all are made', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(200), async (count) => {
        let made = 0;
        await slowStart(count, async () => void made++);
        expect(made).toBe(count);
      }),
    );
  });

  test('what is refused costs one request', async () => {
    let asked = 0;
    const refuse = async () => {
      asked++;
      throw new Error('quota exceeded');
    };
    await expect(slowStart(500, refuse)).rejects.toThrow('quota exceeded');
    expect(asked).toBe(1);
  });
});
