// DaemonSets: which nodes get a pod, how pods are updated and replaced, with the test as the kubelets; and what is planned, for any state.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isBeingDeleted } from '../../../src/apimachinery/object.js';
import { planDaemonSet } from '../../../src/controllers/daemonset-plan.js';
import { daemonTemplate, placementOn, targetNode, templateForNode } from '../../../src/controllers/daemonset-pods.js';
import { FailureBackoff } from '../../../src/controllers/failure-backoff.js';
import { controllerRevisions } from '../../../src/kinds/apps/controllerrevision.js';
import { daemonSets } from '../../../src/kinds/apps/daemonset.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Node, Pod, Taint } from '../../../src/kinds/types/core_v1.js';
import { one, useControlPlane } from './control-plane.js';
import { daemonSet, NOW, node, readyPod, template } from './objects.js';

const plane = useControlPlane();
const AGENT = { namespace: 'default', name: 'agent' };
const MERGE = 'application/merge-patch+json';
const join = (name: string, extra: Parameters<typeof node>[1] = {}) => plane.api.create(nodes, node(name, extra));
const make = (spec: object = {}) => plane.api.create(daemonSets, daemonSet('agent', { spec }));
const edit = (spec: object) => plane.api.patch(daemonSets, AGENT, MERGE, { spec });
const status = () => one(plane.api.objects(daemonSets)).status;
const on = (all: readonly Pod[] = plane.active()) => all.map((pod) => targetNode(pod)).sort();
const images = () => plane.active().map(({ spec }) => spec.containers[0]!.image);
const podOn = (name: string) => plane.active().find((pod) => targetNode(pod) === name)!;
const taint = (key: string, effect: string): Taint => ({ key, effect }) as Taint;

/** As scheduler and kubelets do, each with the pods of its node. */
async function settled(): Promise<void> {
  for (let seen = -1; seen !== plane.api.version; ) {
    seen = plane.api.version;
    await plane.quiet();
    for (const each of plane.api.objects(pods)) {
      if (isBeingDeleted(each)) await plane.api.delete(pods, each.metadata, { gracePeriodSeconds: 0 });
      else if (each.status.phase === 'Pending') await plane.run(each, targetNode(each)!);
    }
    await plane.quiet();
  }
}

describe('nodes', () => {
  test('each get one pod, made for them alone; those that come later too, and those that go take theirs with them', async () => {
    await join('a');
    await join('b');
    await make();
    await settled();
    expect(on()).toEqual(['a', 'b']);
    expect(status()).toMatchObject({
      desiredNumberScheduled: 2,
      currentNumberScheduled: 2,
      numberReady: 2,
      numberAvailable: 2,
      numberUnavailable: 0,
      updatedNumberScheduled: 2,
      numberMisscheduled: 0,
      observedGeneration: 1,
    });
    await join('c');
    await settled();
    expect(on()).toEqual(['a', 'b', 'c']);
    const quiet = plane.api.version;
    await plane.clock.advance(30_000);
    await plane.quiet();
    expect(plane.api.version, 'nothing is written while nothing changes').toBe(quiet);
    await plane.api.delete(nodes, { name: 'a' });
    await plane.quiet();
    expect(status().desiredNumberScheduled).toBe(2);
  });

  test('are chosen by the selector, and as their labels change', async () => {
    await join('a', { metadata: { labels: { disk: 'ssd' } } });
    await join('b');
    await make({ template: { ...template(), spec: { ...template().spec, nodeSelector: { disk: 'ssd' } } } });
    await settled();
    expect(on()).toEqual(['a']);
    await plane.api.patch(nodes, { name: 'b' }, MERGE, { metadata: { labels: { disk: 'ssd' } } });
    await plane.api.patch(nodes, { name: 'a' }, MERGE, { metadata: { labels: { disk: 'hdd' } } });
    await settled();
    expect(on()).toEqual(['b']);
    expect(status()).toMatchObject({ desiredNumberScheduled: 1, numberMisscheduled: 0 });
  });

  test('with a taint that is not tolerated get none; with NoSchedule they keep what they have, with NoExecute they lose it', async () => {
    await join('a');
    await make();
    await settled();
    await plane.api.patch(nodes, { name: 'a' }, MERGE, { spec: { taints: [taint('mine', 'NoSchedule')] } });
    await settled();
    expect([on(), status().desiredNumberScheduled, status().numberMisscheduled]).toEqual([['a'], 0, 1]);
    await plane.api.patch(nodes, { name: 'a' }, MERGE, { spec: { taints: [taint('mine', 'NoExecute')] } });
    await settled();
    expect(on()).toEqual([]);
    await plane.api.patch(nodes, { name: 'a' }, MERGE, { spec: { taints: null, unschedulable: true } });
    await settled();
    expect(on(), 'a cordoned node gets its daemons all the same').toEqual(['a']);
  });

  const troubles: readonly (readonly [string, string, boolean])[] = [
    ['node.kubernetes.io/not-ready', 'NoExecute', true],
    ['node.kubernetes.io/unreachable', 'NoExecute', true],
    ['node.kubernetes.io/disk-pressure', 'NoSchedule', true],
    ['node.kubernetes.io/memory-pressure', 'NoSchedule', true],
    ['node.kubernetes.io/pid-pressure', 'NoSchedule', true],
    ['node.kubernetes.io/unschedulable', 'NoSchedule', true],
    ['node.kubernetes.io/network-unavailable', 'NoSchedule', false],
    ['node-role.kubernetes.io/control-plane', 'NoSchedule', false],
  ];
  test.each(troubles)('a node with %s:%s: %s', (key, effect, expected) => {
    const troubled = node('a', { spec: { taints: [taint(key, effect)] } });
    expect(placementOn(daemonSet('agent'), troubled).shouldRun).toBe(expected);
  });

  test('a daemon of the host network comes before the network of the pods', () => {
    const troubled = node('a', { spec: { taints: [taint('node.kubernetes.io/network-unavailable', 'NoSchedule')] } });
    const set = daemonSet('agent', { spec: { template: { ...template(), spec: { ...template().spec, hostNetwork: true } } } });
    expect(placementOn(set, troubled).shouldRun).toBe(true);
  });

  test('a pod is for its node only, whatever the set preferred, and carries hash and generation', () => {
    const preferred = [{ weight: 1, preference: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } }];
    const required = { nodeSelectorTerms: [{ matchExpressions: [{ key: 'b', operator: 'Exists' }] }] };
    const affinity = {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: preferred,
        requiredDuringSchedulingIgnoredDuringExecution: required,
      },
    };
    const set = daemonSet('agent', {
      metadata: { annotations: { 'deprecated.daemonset.template.generation': '4' } },
      spec: { template: { ...template(), spec: { ...template().spec, affinity } } },
    });
    const made = templateForNode(daemonTemplate(set, 'abc'), 'a');
    expect(made.metadata.labels).toEqual({ app: 'web', 'controller-revision-hash': 'abc', 'pod-template-generation': '4' });
    expect(made.spec.affinity?.nodeAffinity).toEqual({
      preferredDuringSchedulingIgnoredDuringExecution: preferred,
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a'] }] }],
      },
    });
  });
});

describe('updates', () => {
  const three = async (spec: object = {}) => {
    for (const name of ['a', 'b', 'c']) await join(name);
    await make(spec);
    await settled();
  };

  test('replace the pods node by node, and are kept as revisions', async () => {
    await three();
    await edit({ template: template('nginx:2') });
    await plane.quiet();
    expect(images()).toEqual(['nginx', 'nginx']);
    expect(status()).toMatchObject({ updatedNumberScheduled: 0, numberAvailable: 3, desiredNumberScheduled: 3 });
    await settled();
    expect(images()).toEqual(['nginx:2', 'nginx:2', 'nginx:2']);
    expect(status()).toMatchObject({ updatedNumberScheduled: 3, numberAvailable: 3 });
    await edit({ template: template() });
    await settled();
    expect(images()).toEqual(['nginx', 'nginx', 'nginx']);
    expect(
      plane.api
        .objects(controllerRevisions)
        .map(({ revision }) => revision)
        .sort(),
    ).toEqual([2, 3]);
  });

  test('with maxSurge bring the new pod up beside the old one first', async () => {
    await three({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } });
    await edit({ template: template('nginx:2') });
    await plane.quiet();
    expect(images().sort()).toEqual(['nginx', 'nginx', 'nginx', 'nginx:2']);
    for (let pass = 0; pass < 8; pass++) {
      for (const each of plane.active()) if (each.status.phase === 'Pending') await plane.run(each, targetNode(each)!);
      await plane.quiet();
      const serving = plane.active().filter(({ status: { phase } }) => phase === 'Running');
      expect(new Set(on(serving)).size, 'no node is without a pod that works').toBe(3);
      for (const each of plane.api.objects(pods)) {
        if (isBeingDeleted(each)) await plane.api.delete(pods, each.metadata, { gracePeriodSeconds: 0 });
      }
      await plane.quiet();
    }
    expect(images()).toEqual(['nginx:2', 'nginx:2', 'nginx:2']);
    expect(on()).toEqual(['a', 'b', 'c']);
  });

  test('wait for the user to delete pods where the strategy is OnDelete', async () => {
    await three({ updateStrategy: { type: 'OnDelete' } });
    await edit({ template: template('nginx:2') });
    await settled();
    expect(images()).toEqual(['nginx', 'nginx', 'nginx']);
    await plane.api.delete(pods, podOn('b').metadata);
    await settled();
    expect([podOn('a'), podOn('b')].map(({ spec }) => spec.containers[0]!.image)).toEqual(['nginx', 'nginx:2']);
  });

  test('that break stop at the first node until they are mended', async () => {
    await three();
    await edit({ template: template('broken') });
    await plane.quiet();
    const [gone] = plane.api.objects(pods).filter(isBeingDeleted);
    await plane.api.delete(pods, gone!.metadata, { gracePeriodSeconds: 0 });
    await plane.clock.advance(10_000);
    await plane.quiet();
    expect(images().sort()).toEqual(['broken', 'nginx', 'nginx']);
    await edit({ template: template('nginx:3') });
    await settled();
    expect(images()).toEqual(['nginx:3', 'nginx:3', 'nginx:3']);
  });
});

describe('pods', () => {
  test('that fail are replaced, after a while that grows, and events tell of it', async () => {
    await join('a');
    await make();
    await settled();
    const fail = () => plane.api.update(pods, { ...podOn('a'), status: { phase: 'Failed' } });
    const first = podOn('a');
    await fail();
    await settled();
    expect(podOn('a').metadata.uid).not.toBe(first.metadata.uid);
    expect(plane.told).toContain(
      `DaemonSet agent Warning FailedDaemonPod: Found failed daemon pod default/${first.metadata.name} on node a, will try to kill it`,
    );
    for (let times = 0; times < 2; times++) {
      await fail();
      await settled();
      await plane.clock.advance(2000);
      await settled();
    }
    const last = await fail();
    await plane.quiet();
    expect(
      plane.api.objects(pods).some(({ metadata }) => metadata.uid === last.metadata.uid),
      'too soon',
    ).toBe(true);
    await plane.clock.advance(4000);
    await settled();
    expect(podOn('a').metadata.uid).not.toBe(last.metadata.uid);
  });

  test('that match and belong to nobody are adopted; of two on a node the older stays', async () => {
    await join('a');
    await plane.api.create(pods, readyPod('mine', { metadata: { labels: { app: 'web' } }, spec: { nodeName: 'a' } }));
    await make({ updateStrategy: { type: 'OnDelete' } });
    await settled();
    expect(plane.active().map(({ metadata }) => metadata.name)).toEqual(['mine']);
    await plane.api.create(
      pods,
      readyPod('late', { metadata: { labels: { app: 'web' }, creationTimestamp: '2026-01-02T00:00:00Z' }, spec: { nodeName: 'a' } }),
    );
    await settled();
    expect(plane.active().map(({ metadata }) => metadata.name)).toEqual(['mine']);
  });

  test('go with the set', async () => {
    await join('a');
    await make();
    await settled();
    await plane.api.delete(daemonSets, AGENT);
    await settled();
    expect([plane.active(), plane.api.objects(controllerRevisions)]).toEqual([[], []]);
  });
});

test('failures of one key wait twice as long each time, up to a bound, and are forgotten after a while', () => {
  const backoff = new FailureBackoff();
  let now_ms = 0;
  const waits = Array.from({ length: 13 }, () => {
    expect(backoff.next('a', now_ms)).toBe(0);
    const wait_ms = backoff.next('a', now_ms);
    now_ms += wait_ms;
    return wait_ms;
  });
  expect(waits.slice(0, 4)).toEqual([1000, 2000, 4000, 8000]);
  expect(Math.max(...waits)).toBe(900_000);
  expect(backoff.next('a', now_ms + 3_600_000)).toBe(0);
});

describe('a plan', () => {
  const pod = fc.record({
    fresh: fc.boolean(),
    state: fc.constantFrom('ready', 'unready', 'terminating'),
  });
  const arbitrary = fc.record({
    nodes: fc.array(fc.record({ fits: fc.boolean(), pods: fc.array(pod, { maxLength: 3 }) }), { maxLength: 6 }),
    maxSurge: fc.integer({ min: 0, max: 2 }),
    maxUnavailable: fc.integer({ min: 1, max: 3 }),
  });
  type Case = typeof arbitrary extends fc.Arbitrary<infer T> ? T : never;
  let made = 0;
  const podIn = (state: string, fresh: boolean, nodeName: string): Pod =>
    readyPod(`p${made++}`, {
      metadata: {
        labels: { 'controller-revision-hash': fresh ? 'new' : 'old' },
        ...(state === 'terminating' && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
      },
      spec: { nodeName },
      status: state === 'unready' ? { conditions: [] } : {},
    });
  const input = ({ nodes: places, maxSurge, maxUnavailable }: Case) => {
    const rollingUpdate = maxSurge > 0 ? { maxSurge, maxUnavailable: 0 } : { maxSurge, maxUnavailable };
    const all: Node[] = places.map(({ fits }, i) => node(`n${i}`, { spec: fits ? {} : { taints: [taint('no', 'NoExecute')] } }));
    const there = places.flatMap(({ pods: each }, i) => each.map(({ state, fresh }) => podIn(state, fresh, `n${i}`)));
    const set = daemonSet('agent', { spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate } } });
    return { set, nodes: all, pods: there, hash: 'new', now_ms: NOW };
  };
  const works = (each: Pod) => !isBeingDeleted(each) && each.status.conditions?.[0]?.status === 'True';

  test('carried out again and again ends with one pod of the present template on each node that fits', () => {
    fc.assert(
      fc.property(arbitrary, (each) => {
        const given = input(each);
        const fitting = each.nodes.flatMap(({ fits }, i) => (fits ? [`n${i}`] : []));
        let now: readonly Pod[] = given.pods;
        for (let pass = 0; pass < 60; pass++) {
          const { create, remove } = planDaemonSet({ ...given, pods: now });
          if (create.length + remove.length === 0 && now.every(works)) break;
          for (const removed of remove) expect(isBeingDeleted(removed)).toBe(false);
          now = [
            ...now.filter((one_) => !remove.includes(one_) && !isBeingDeleted(one_)).map((one_) => (works(one_) ? one_ : revived(one_))),
            ...create.map((name) => podIn('unready', true, name)),
          ];
        }
        expect(on(now)).toEqual(fitting);
        expect(now.every((one_) => one_.metadata.labels!['controller-revision-hash'] === 'new' && works(one_))).toBe(true);
      }),
    );
  });

  /** As no controller has left them behind: one pod, or one of each template where there is a surge. */
  const inOrder = <T extends { readonly fresh: boolean }>(all: readonly T[], surge: boolean): T[] =>
    surge ? [true, false].flatMap((fresh) => all.find((each) => each.fresh === fresh) ?? []) : all.slice(0, 1);

  const revived = (each: Pod): Pod => ({ ...each, status: readyPod('x').status });

  test('an update never takes more nodes out of service than it may', () => {
    fc.assert(
      fc.property(arbitrary, (each) => {
        const given = input({ ...each, nodes: each.nodes.map((place) => ({ ...place, pods: inOrder(place.pods, each.maxSurge > 0) })) });
        const serving = (all: readonly Pod[]) => new Set(on(all.filter(works)));
        const { create, remove } = planDaemonSet(given);
        const before = serving(given.pods);
        const after = serving(given.pods.filter((one_) => !remove.includes(one_)));
        const lost = [...before].filter((name) => !after.has(name) && each.nodes[Number(name!.slice(1))]!.fits).length;
        expect(lost).toBeLessThanOrEqual(each.maxSurge > 0 ? 0 : each.maxUnavailable);
        expect(new Set(create).size).toBe(create.length);
      }),
    );
  });
});
