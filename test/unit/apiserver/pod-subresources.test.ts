// What can be done to a pod that runs: look into it, give it more, and ask it to go within its disruption budget.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pods } from '../../../src/kinds/core/pod.js';
import { podDisruptionBudgets } from '../../../src/kinds/policy/poddisruptionbudget.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { ADMIN, startTestServer, type TestServer } from '../../suites/apiserver.js';
import { Kubectl } from '../../suites/kubectl.js';

let api: TestServer;
let kubectl: Kubectl;
beforeAll(async () => {
  api = await startTestServer();
  kubectl = new Kubectl('1.35', api.kubeconfig, `${api.dir}/home`);
});
afterAll(() => api.stop());

const at = (name: string) => ({ namespace: 'default', name });
const resources = { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '200m', memory: '64Mi' } };
async function runningPod(name: string, labels: object = {}, ready = true): Promise<Pod> {
  const spec = { nodeName: 'n', terminationGracePeriodSeconds: 0, containers: [{ name: 'c', image: 'i', resources }] };
  const pod = await api.client.create(pods, { metadata: { ...at(name), labels }, spec } as never);
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: pod.metadata.creationTimestamp }];
  return api.client.update(pods, { ...pod, status: { ...pod.status, phase: 'Running', conditions } } as never, 'status');
}

describe('ephemeralcontainers', () => {
  const patch = (name: string, ephemeralContainers: readonly object[]) =>
    api.client.patch(pods, at(name), 'application/strategic-merge-patch+json', { spec: { ephemeralContainers } }, 'ephemeralcontainers');

  test('kubectl debug adds one, with its defaults, and it stays', async () => {
    const before = await runningPod('looked-into');
    await kubectl.ok(['debug', 'looked-into', '--image=busybox', '--container=debugger', '--target=c']);
    const { spec, metadata } = await api.client.get(pods, at('looked-into'));
    expect(spec.ephemeralContainers).toMatchObject([
      { name: 'debugger', image: 'busybox', targetContainerName: 'c', imagePullPolicy: 'Always' },
    ]);
    expect(metadata.generation).toBe(before.metadata.generation! + 1);
    const removal = [{ $patch: 'delete', name: 'debugger' }];
    await expect(patch('looked-into', removal)).rejects.toMatchObject({
      message: expect.stringContaining('existing ephemeral containers "debugger" may not be removed'),
    });
    await expect(patch('looked-into', [{ name: 'debugger', image: 'other' }])).rejects.toMatchObject({
      message: expect.stringContaining('may not be changed'),
    });
  });

  test('what they cannot have, and what they must, is told', async () => {
    await runningPod('strict');
    const wrong = { name: 'c', image: 'i', ports: [{ containerPort: 80 }], targetContainerName: 'none' };
    await expect(patch('strict', [wrong])).rejects.toMatchObject({
      code: 422,
      details: {
        causes: expect.arrayContaining([
          expect.objectContaining({ field: 'spec.ephemeralContainers[0].name', reason: 'FieldValueDuplicate' }),
          expect.objectContaining({
            field: 'spec.ephemeralContainers[0].ports',
            message: 'Forbidden: cannot be set for an Ephemeral Container',
          }),
          expect.objectContaining({ field: 'spec.ephemeralContainers[0].targetContainerName', message: 'Not found: "none"' }),
        ]),
      },
    });
  });
});

describe('resize', () => {
  const resize = (name: string, container: object) => {
    const patch = { spec: { containers: [{ name: 'c', ...container }] } };
    return api.client.patch(pods, at(name), 'application/strategic-merge-patch+json', patch, 'resize');
  };

  test('changes cpu and memory of a container, which an update of the pod may not', async () => {
    const before = await runningPod('grows');
    const patch = JSON.stringify({ spec: { containers: [{ name: 'c', resources: { requests: { cpu: '150m' } } }] } });
    await kubectl.ok(['patch', 'pod', 'grows', '--subresource=resize', '-p', patch]);
    const { spec, metadata } = await api.client.get(pods, at('grows'));
    expect(spec.containers[0]!.resources!.requests).toEqual({ cpu: '150m', memory: '64Mi' });
    expect(metadata.generation).toBe(before.metadata.generation! + 1);
    expect(await kubectl.fails(['patch', 'pod', 'grows', '-p', patch.replace('150m', '160m')])).toContain(
      'pod updates may not change fields other than',
    );
  });

  test.each([
    ['an image', { image: 'other' }, 'spec: Forbidden: only cpu and memory resources are mutable'],
    ['its quality of service', { resources: { requests: { cpu: '200m' } } }, 'Pod QOS Class may not change as a result of resizing'],
    [
      'a limit away',
      { resources: { limits: { cpu: null } } },
      'spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed',
    ],
  ])('does not change %s', async (what, container, message) => {
    const name = `fixed-${what.replace(/\W/g, '-')}`;
    await runningPod(name);
    await expect(resize(name, container)).rejects.toMatchObject({ code: 422, message: expect.stringContaining(message) });
  });
});

describe('eviction', () => {
  const evict = (name: string, apiVersion = 'policy/v1') =>
    api.server.transport(ADMIN).request({
      method: 'POST',
      path: `/api/v1/namespaces/default/pods/${name}/eviction`,
      query: new URLSearchParams(),
      contentType: 'application/json',
      body: { apiVersion, kind: 'Eviction', metadata: at(name) },
    });
  async function budget(app: string, status: object, spec: object = {}) {
    const wanted = { metadata: at(app), spec: { minAvailable: 1, selector: { matchLabels: { app } }, ...spec } };
    const made = await api.client.create(podDisruptionBudgets, wanted as never);
    await api.client.update(
      podDisruptionBudgets,
      { ...made, status: { ...made.status, observedGeneration: 1, ...status } } as never,
      'status',
    );
    await api.client.list(podDisruptionBudgets);
  }
  const isGone = (name: string) =>
    api.client.get(pods, at(name)).then(
      () => false,
      () => true,
    );

  test('takes one from the budget, and is put off when none is left', async () => {
    for (const name of ['a1', 'a2']) await runningPod(name, { app: 'a' });
    await budget('a', { disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 });
    await evict('a1');
    expect((await api.client.get(podDisruptionBudgets, at('a'))).status).toMatchObject({
      disruptionsAllowed: 0,
      disruptedPods: { a1: expect.any(String) },
      conditions: [{ type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods' }],
    });
    await expect(evict('a2')).rejects.toMatchObject({
      code: 429,
      reason: 'TooManyRequests',
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: { causes: [{ reason: 'DisruptionBudget', message: 'The disruption budget a needs 1 healthy pods and has 2 currently' }] },
    });
    expect([await isGone('a1'), await isGone('a2')]).toEqual([true, false]);
  });

  test('of many at once exactly as many go as may', async () => {
    const names = Array.from({ length: 6 }, (_, i) => `m${i}`);
    for (const name of names) await runningPod(name, { app: 'm' });
    await budget('m', { disruptionsAllowed: 2, currentHealthy: 6, desiredHealthy: 4, expectedPods: 6 });
    const results = await Promise.allSettled(names.map((name) => evict(name)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
  });

  test('a budget that nobody has counted yet puts it off, a pod that is not ready may go all the same', async () => {
    await runningPod('b1', { app: 'b' });
    await budget('b', { observedGeneration: 0 });
    await expect(evict('b1')).rejects.toMatchObject({
      code: 429,
      details: { retryAfterSeconds: 10, causes: [{ message: 'The disruption budget b is still being processed by the server.' }] },
    });
    await runningPod('c1', { app: 'c' }, false);
    await budget('c', { currentHealthy: 0, desiredHealthy: 1 }, { unhealthyPodEvictionPolicy: 'AlwaysAllow' });
    await evict('c1', 'policy/v1beta1');
    expect(await isGone('c1')).toBe(true);
  });
});
