// Disruption budgets: what the controller says of them while pods come, go and are evicted.
import { expect, test } from 'vitest';
import { deployments } from '../../../src/kinds/apps/deployment.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { podDisruptionBudgets } from '../../../src/kinds/policy/poddisruptionbudget.js';
import { one, useControlPlane, web } from './control-plane.js';

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
