// Disruption budgets: what the controller says of them while pods come, go and are evicted.
import { expect, test } from 'vitest';
import { wantedOf } from '../../../src/controllers/disruption-scale.js';
import { customResourceDefinitions } from '../../../src/kinds/apiextensions/customresourcedefinition.js';
import { daemonSets } from '../../../src/kinds/apps/daemonset.js';
import { deployments } from '../../../src/kinds/apps/deployment.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { podDisruptionBudgets } from '../../../src/kinds/policy/poddisruptionbudget.js';
import { one, useControlPlane, web } from './control-plane.js';
import { daemonSet, listerOf, node, readyPod } from './objects.js';

const plane = useControlPlane();

async function budget(spec: object): Promise<void> {
  const labels = one(plane.api.objects(deployments)).spec.selector?.matchLabels;
  await plane.api.create(podDisruptionBudgets, {
    metadata: { namespace: 'default', name: 'b' },
    spec: { selector: { matchLabels: labels }, ...spec },
  } as never);
  await plane.quiet();
}
const status = () => one(plane.api.objects(podDisruptionBudgets)).status;

test.each([
  [{ minAvailable: 2 }, { desiredHealthy: 2, disruptionsAllowed: 2, expectedPods: 4 }],
  [{ minAvailable: '50%' }, { desiredHealthy: 2, disruptionsAllowed: 2, expectedPods: 4 }],
  [{ maxUnavailable: 1 }, { desiredHealthy: 3, disruptionsAllowed: 1, expectedPods: 4 }],
  [{ maxUnavailable: '30%' }, { desiredHealthy: 2, disruptionsAllowed: 2, expectedPods: 4 }],
  [{ minAvailable: 9 }, { desiredHealthy: 9, disruptionsAllowed: 0, expectedPods: 4 }],
])('of four ready pods, %o leaves %o', async (spec, expected) => {
  await plane.api.create(deployments, web(4) as never);
  await plane.settled();
  await budget(spec);
  const reason = expected.disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods';
  expect(status()).toMatchObject({ currentHealthy: 4, ...expected, conditions: [{ type: 'DisruptionAllowed', reason }] });
});

test('an eviction that was granted counts until its pod is gone, or forgotten if nothing comes of it', async () => {
  await plane.api.create(deployments, web(3) as never);
  await plane.settled();
  await budget({ minAvailable: 2 });
  const [gone, kept] = plane.active();
  const current = one(plane.api.objects(podDisruptionBudgets));
  const now = new Date(plane.clock.now()).toISOString();
  const disruptedPods = { [gone!.metadata.name]: now, [kept!.metadata.name]: now };
  await plane.api.update(
    podDisruptionBudgets,
    { ...current, status: { ...current.status, disruptedPods, disruptionsAllowed: 0 } } as never,
    'status',
  );
  await plane.quiet();
  expect(status()).toMatchObject({ currentHealthy: 1, disruptionsAllowed: 0 });
  await plane.api.delete(pods, gone!.metadata, { gracePeriodSeconds: 0 });
  await plane.settled();
  expect(status()).toMatchObject({ currentHealthy: 2, disruptedPods: { [kept!.metadata.name]: now } });
  await plane.clock.advance(121_000);
  await plane.quiet();
  expect(status().disruptedPods).toBeUndefined();
});

test('a pod that an eviction was granted for and that stays is told of, and not said to be disrupted for ever', async () => {
  await plane.api.create(nodes, node('node-1'));
  await plane.api.create(deployments, web(1) as never);
  await plane.settled();
  await budget({ minAvailable: 0 });
  const pod = plane.active()[0]!;
  const now = new Date(plane.clock.now()).toISOString();
  const conditions = [
    ...pod.status.conditions!,
    { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', lastTransitionTime: now },
  ];
  await plane.api.update(pods, { ...pod, status: { ...pod.status, conditions } } as never);
  const current = one(plane.api.objects(podDisruptionBudgets));
  await plane.api.update(
    podDisruptionBudgets,
    { ...current, status: { ...current.status, disruptedPods: { [pod.metadata.name]: now } } } as never,
    'status',
  );
  await plane.clock.advance(121_000);
  await plane.quiet();
  expect(plane.told).toContain(
    `Pod ${pod.metadata.name} Warning NotDeleted: Pod was expected by PDB default/b to be deleted but it wasn't`,
  );
  const left = one(plane.api.objects(pods)).status.conditions!.find(({ type }) => type === 'DisruptionTarget');
  expect(left?.status).toBe('False');
});

test('where nobody says how many pods there should be, nothing may go, and the budget says why', async () => {
  await plane.api.create(nodes, node('a'));
  await plane.api.create(daemonSets, daemonSet('agent'));
  await plane.settled();
  await plane.api.create(podDisruptionBudgets, {
    metadata: { namespace: 'default', name: 'b' },
    spec: { selector: { matchLabels: { app: 'web' } }, maxUnavailable: 1 },
  } as never);
  await plane.quiet();
  const message = 'daemonsets.apps does not implement the scale subresource';
  expect(status()).toMatchObject({ disruptionsAllowed: 0, conditions: [{ status: 'False', reason: 'SyncFailed', message }] });
  expect(plane.told).toContain(
    `PodDisruptionBudget b Warning CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: ${message}`,
  );
});

test('pods without an owner and a budget without pods are told of', async () => {
  const make = (name: string, app: string) =>
    plane.api.create(podDisruptionBudgets, {
      metadata: { namespace: 'default', name },
      spec: { selector: { matchLabels: { app } }, maxUnavailable: 1 },
    } as never);
  await plane.api.create(pods, readyPod('mine', { metadata: { labels: { app: 'web' } } }));
  await make('b', 'web');
  await make('none', 'nobody');
  await plane.quiet();
  expect(plane.told.find((line) => line.startsWith('PodDisruptionBudget b Warning UnmanagedPods: '))).toContain('(selector: app=web)');
  expect(plane.told).toContain('PodDisruptionBudget none Normal NoPods: No matching pods found');
});

test('owners of kinds that are defined at run time are asked for their scale, each once', async () => {
  const names = { plural: 'rollouts', kind: 'Rollout' };
  const definition = {
    metadata: { name: 'rollouts.example.com' },
    spec: { group: 'example.com', scope: 'Namespaced', names, versions: [{ name: 'v1', served: true, storage: true }] },
    status: { acceptedNames: names, conditions: [{ type: 'Established', status: 'True' }] },
  };
  const asked: string[] = [];
  const get = async (kind: { plural: string }, { name }: { name: string }, subresource?: string) => {
    asked.push(`${kind.plural} ${name} ${subresource}`);
    return { metadata: { uid: 'uid-r' }, spec: { replicas: 6 } };
  };
  const ref = { apiVersion: 'example.com/v1', kind: 'Rollout', name: 'r', uid: 'uid-r', controller: true };
  const own = ['a', 'b'].map((name) => readyPod(name, { metadata: { ownerReferences: [ref] } }));
  const reader = { ...listerOf([[customResourceDefinitions, [definition as never]]]), client: { get } };
  const wanted = await wantedOf(reader as never, { spec: { maxUnavailable: '50%' } } as never, own);
  expect(wanted).toMatchObject({ expectedPods: 6, desiredHealthy: 3 });
  expect(asked).toEqual(['rollouts r scale']);
});
