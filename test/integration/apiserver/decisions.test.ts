// pods/decisions: the path, who may read it, what `porthole why pod` makes of it, and the same at the port of a scheduler of its own.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { systemClock, systemRandom } from '../../../src/apimachinery/clock.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import { listenOf } from '../../../src/cli/serving-flags.js';
import { withKubeconfig } from '../../../src/cli/with-kubeconfig.js';
import { ApiClient } from '../../../src/client/api-client.js';
import { createInformers } from '../../../src/client/informers.js';
import type { PodDecisions } from '../../../src/client/pod-decisions.js';
import { SCHEDULER } from '../../../src/cluster/component-clients.js';
import { serveComponent } from '../../../src/cluster/component-server.js';
import { decisionsPath } from '../../../src/cluster/decisions-path.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { resourceQuotas } from '../../../src/kinds/core/resourcequota.js';
import { roles } from '../../../src/kinds/rbac/role.js';
import { roleBindings } from '../../../src/kinds/rbac/rolebinding.js';
import { priorityClasses } from '../../../src/kinds/scheduling/priorityclass.js';
import { type RunningScheduler, startScheduler } from '../../../src/scheduler/scheduler.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';

const [clock, random, log] = [systemClock, systemRandom, silentLogger];
const PATH = '/api/v1/namespaces/default/pods';
let server: TestServer;
let scheduler: RunningScheduler | undefined;
let informers: ReturnType<typeof createInformers>;

beforeAll(async () => {
  server = await startTestServer({ scheduler: () => scheduler });
  const { client } = server;
  for (const [name, cpu] of [
    ['small', '1'],
    ['large', '2'],
  ] as const)
    await client.create(nodes, {
      metadata: { name, labels: { 'kubernetes.io/hostname': name } },
      status: { allocatable: { cpu, memory: '4Gi', pods: '10' } },
    } as never);
  for (const name of ['small', 'large']) {
    const patch = { status: { allocatable: { cpu: name === 'small' ? '1' : '2', memory: '4Gi', pods: '10' } }, spec: { taints: null } };
    await client.patch(nodes, { name }, 'application/merge-patch+json', patch, 'status');
    await client.patch(nodes, { name }, 'application/merge-patch+json', { spec: { taints: null } });
  }
  await client.create(priorityClasses, { metadata: { name: 'urgent' }, value: 1000 } as never);
  const own = new ApiClient(server.server.transport(SCHEDULER));
  informers = createInformers({ client: own, clock, random, log });
  scheduler = startScheduler({ client: own, informers, clock, random, log, events: () => ({ event() {} }) });
});

afterAll(async () => {
  await scheduler?.stop();
  informers.stop();
  await server.stop();
});

const podOf = (name: string, cpu: string, more: object = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'busybox', resources: { requests: { cpu } } }], ...more },
  }) as never;
const as = (name: string) => server.server.transport({ name, groups: ['system:authenticated'] });
const get = async (name: string, user = 'kubernetes-admin', groups = ['system:masters']) =>
  (await server.server
    .transport({ name: user, groups })
    .request({ method: 'GET', path: `${PATH}/${name}/decisions`, query: new URLSearchParams() })) as PodDecisions;
const isPlaced = (name: string) =>
  vi.waitFor(async () => expect((await server.client.get(pods, { namespace: 'default', name })).spec.nodeName).toBeDefined(), 10_000);

async function why(...args: string[]): Promise<{ readonly text: string; readonly code: number }> {
  const { whyCommand } = await import('../../../src/cli/why.js');
  const said: string[] = [];
  const write = (text: string | Uint8Array) => said.push(String(text)) > 0;
  const spies = [vi.spyOn(process.stdout, 'write').mockImplementation(write), vi.spyOn(process.stderr, 'write').mockImplementation(write)];
  process.exitCode = 0;
  try {
    await whyCommand.parseAsync([...args, '--kubeconfig', server.kubeconfig], { from: 'user' });
    return { text: said.join(''), code: Number(process.exitCode) };
  } finally {
    process.exitCode = 0;
    for (const spy of spies) spy.mockRestore();
  }
}

test('a placed pod: the scores of each node that fit, to whoever may read the pod and nobody else', async () => {
  await server.client.create(pods, podOf('web', '500m'));
  await isPlaced('web');
  const answer = await get('web');
  expect(answer).toMatchObject({ state: 'bound', pod: { name: 'web', scheduler: 'default-scheduler' } });
  const [decision] = answer.decisions;
  expect(decision).toMatchObject({ attempt: 1, nodes: { total: 2, evaluated: 2, feasible: 2 }, node: answer.pod.node, reasons: [] });
  for (const { total, plugins } of decision!.scores) expect(plugins.reduce((sum, { weighted }) => sum + weighted, 0)).toBeCloseTo(total);
  expect(decision!.scores.map(({ node }) => node).sort()).toEqual(['large', 'small']);
  expect(decision!.scores[0]!.node).toBe(decision!.node);
  await expect(get('web', 'eve', ['system:authenticated'])).rejects.toMatchObject({
    code: 403,
    message: expect.stringContaining('User "eve" cannot get resource "pods" in API group "" in the namespace "default"'),
  });
  const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }];
  await server.client.create(roles, { metadata: { name: 'readers', namespace: 'default' }, rules } as never);
  await server.client.create(roleBindings, {
    metadata: { name: 'readers', namespace: 'default' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'readers' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'ann' }],
  } as never);
  await vi.waitFor(async () => expect((await get('web', 'ann', ['system:authenticated'])).state).toBe('bound'));
  await expect(get('gone')).rejects.toMatchObject({ code: 404, message: 'pods "gone" not found' });
  const said = await why('pod/web', '-n', 'default');
  expect(said.code).toBe(0);
  expect(said.text).toContain(`It is on ${answer.pod.node}, where the scheduler default-scheduler put it.`);
  expect(said.text).toMatch(/NodeResourcesFit +│ .* x 1 = /);
  const asJson = await why('pod/web', '-o', 'json');
  expect(JSON.parse(asJson.text)).toMatchObject({ state: 'bound' });
});

test('a pending pod: node by node what is in the way, and what it waits for', async () => {
  await server.client.create(pods, podOf('huge', '64', { nodeSelector: { 'kubernetes.io/hostname': 'large' } }));
  const answer = await vi.waitFor(async () => {
    const now = await get('huge');
    expect(now.state).toBe('unschedulable');
    return now;
  }, 10_000);
  expect(answer.decisions[0]!.refused).toEqual(
    expect.arrayContaining([
      { node: 'large', plugin: 'NodeResourcesFit', reasons: ['Insufficient cpu'], unresolvable: expect.any(Boolean) },
      { node: 'small', plugin: 'NodeAffinity', reasons: ["node(s) didn't match Pod's node affinity/selector"], unresolvable: true },
    ]),
  );
  expect(answer.waitsFor.map(({ plugin }) => plugin).sort()).toEqual(['NodeAffinity', 'NodeResourcesFit']);
  const said = await why('pod/huge');
  expect(said.code).toBe(1);
  expect(said.text).toMatch(/large +│ NodeResourcesFit +│ Insufficient cpu/);
  expect(said.text).toMatch(/waits for NodeResourcesFit: /);
});

test('gated, bound by hand, or for another scheduler: it says which', async () => {
  await server.client.create(pods, podOf('gated', '1m', { schedulingGates: [{ name: 'example.com/later' }] }));
  await server.client.create(pods, podOf('hand', '1m', { nodeName: 'small' }));
  await server.client.create(pods, podOf('theirs', '1m', { schedulerName: 'other' }));
  expect(await get('gated')).toMatchObject({ state: 'gated', waitsFor: [{ plugin: 'SchedulingGates' }], decisions: [] });
  expect(await get('hand')).toMatchObject({ state: 'unknown', message: expect.stringContaining('its node was set by hand') });
  expect(await get('theirs')).toMatchObject({ state: 'unknown', message: expect.stringContaining('It is for the scheduler other') });
});

test('a pod that is not there: where it would go, what would have to go for it, what keeps it from being created; nothing is made', async () => {
  const before = (await server.client.list(pods)).items.length;
  const file = join(server.dir, 'pods.yaml');
  const ask = (object: object | readonly object[], ...args: string[]) => {
    writeFileSync(
      file,
      [object]
        .flat()
        .map((one) => JSON.stringify(one))
        .join('\n---\n'),
    );
    return why('pod', '-f', file, ...args);
  };
  expect(await ask(podOf('new', '100m'))).toMatchObject({
    code: 0,
    text: expect.stringMatching(/It would go to (small|large)\..*If it were created now: /s),
  });
  expect(await ask(podOf('new', '16'))).toMatchObject({ code: 1, text: expect.stringContaining('2 Insufficient cpu') });
  const urgent = await ask(podOf('new', '1900m', { priorityClassName: 'urgent' }));
  expect(urgent.text).toMatch(/To make room on large others have to go.*default\/\w+ \(0\)/s);
  const template = { metadata: { labels: { app: 'w' } }, spec: { containers: [{ name: 'c', image: 'busybox' }] } };
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'w' }, spec: { template } };
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' } };
  const both = await ask([deployment, service], '-n', 'default');
  expect(both.text).toMatch(/Pod default\/w-\w{5} .*Left out, since no pods are made of them: Service\/s/s);
  expect(await ask(service)).toMatchObject({ code: 1, text: expect.stringContaining('no pods are made of Service/s') });
  expect(await ask(podOf('new', 'lots'))).toMatchObject({ code: 1, text: expect.stringContaining('quantities must match') });
  const misspelt = await ask(podOf('new', '1m', { nodeSelektor: { disk: 'ssd' } }));
  expect(misspelt).toMatchObject({ code: 1, text: expect.stringContaining('strict decoding error: unknown field "spec.nodeSelektor"') });
  await server.client.create(resourceQuotas, { metadata: { name: 'few', namespace: 'default' }, spec: { hard: { pods: '1' } } } as never);
  await server.client.patch(
    resourceQuotas,
    { namespace: 'default', name: 'few' },
    'application/merge-patch+json',
    { status: { hard: { pods: '1' }, used: { pods: '1' } } },
    'status',
  );
  await vi.waitFor(async () =>
    expect(await ask(podOf('new', '1m'))).toMatchObject({ code: 1, text: expect.stringContaining('exceeded quota: few') }),
  );
  await server.client.delete(resourceQuotas, { namespace: 'default', name: 'few' });
  const post = { method: 'POST', path: `${PATH}/new/decisions`, query: new URLSearchParams(), body: podOf('new', '1m') } as const;
  await expect(as('ann').request(post)).rejects.toMatchObject({
    code: 403,
    message: expect.stringContaining('cannot create resource "pods"'),
  });
  expect((await server.client.list(pods)).items.length).toBe(before);
  // What others ask next is not tried out, but done.
  await withKubeconfig('test', server.kubeconfig, '', async ({ client }) => {
    await client.create(configMaps, { metadata: { name: 'real', namespace: 'default' } });
    return '';
  });
  expect((await server.client.get(configMaps, { namespace: 'default', name: 'real' })).metadata.name).toBe('real');
});

test('a pod that preempted another: who had to go and why that one, as the scheduler itself may do it', async () => {
  const { client } = server;
  const node = 'preempted';
  await client.create(nodes, { metadata: { name: node, labels: { 'kubernetes.io/hostname': node } } } as never);
  const allocatable = { cpu: '2', memory: '4Gi', pods: '10' };
  await client.patch(nodes, { name: node }, 'application/merge-patch+json', { status: { allocatable } }, 'status');
  await client.patch(nodes, { name: node }, 'application/merge-patch+json', { spec: { taints: null } });
  const only = { nodeSelector: { 'kubernetes.io/hostname': node } };
  await client.create(pods, podOf('batch', '1500m', only));
  await isPlaced('batch');
  await client.create(pods, podOf('urgent', '1500m', { ...only, priorityClassName: 'urgent' }));
  await vi.waitFor(async () => {
    const { metadata, status } = await client.get(pods, { namespace: 'default', name: 'batch' });
    expect(metadata.deletionTimestamp).toBeDefined();
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'DisruptionTarget', reason: 'PreemptionByScheduler' }));
  }, 10_000);
  await vi.waitFor(async () => expect((await get('urgent')).message).toContain(`It waits for pods on ${node}`), 10_000);
  // As its kubelet does once it has ended.
  await client.delete(pods, { namespace: 'default', name: 'batch' }, { gracePeriodSeconds: 0 });
  await isPlaced('urgent');
  const said = await why('pod/urgent');
  expect(said.code).toBe(0);
  expect(said.text).toMatch(new RegExp(`${node} \\(chosen\\) +│ default/batch \\(0\\) +│ 0`));
  expect(said.text).toMatch(/Attempt 2 at .*: preempted .*Attempt 1 at .*: no node /s);
});

test('a scheduler of its own process answers at its port, to those whom the API server lets', async () => {
  const { client, pki } = server;
  const port = 20_000 + Math.floor(random.next() * 20_000);
  const options = { address: '127.0.0.1', port, clientCa: pki.ca.cert, client, writeMetrics() {}, clock, random };
  const component = await serveComponent({ ...options, more: decisionsPath(client, scheduler!) });
  const file = (name: string) => join(server.dir, 'pki', name);
  const files = { tlsCertFile: file('apiserver.crt'), tlsPrivateKeyFile: file('apiserver.key') };
  const serving = await listenOf({ bindAddress: '127.0.0.1', securePort: port + 1, ...files });
  const mixed = { ...files, tlsPrivateKeyFile: file('ca.key') };
  await expect(listenOf({ bindAddress: '127.0.0.1', securePort: 1, ...mixed })).rejects.toThrow(/^--tls-cert-file .*key values mismatch/);
  const vouchedFor = await serveComponent({ ...options, ...serving, more: decisionsPath(client, scheduler!) });
  const [apart, url] = [scheduler, `https://127.0.0.1:${port}`];
  scheduler = undefined;
  try {
    const alone = await get('web');
    expect(alone).toMatchObject({ state: 'unknown', message: expect.stringContaining('The pod is for the scheduler default-scheduler') });
    expect((await why('pod/web', '--scheduler', url)).text).toContain('where the scheduler default-scheduler put it');
    const asked = (of: string) => why('pod/web', '--scheduler', of, '--certificate-authority', file('ca.crt'));
    expect((await asked(`https://127.0.0.1:${port + 1}`)).text).toContain('where the scheduler default-scheduler put it');
    expect(await asked(url)).toMatchObject({ code: 1, text: expect.stringContaining('cannot be asked: self-signed certificate') });
    const manifest = join(server.dir, 'pod.yaml');
    writeFileSync(manifest, JSON.stringify(podOf('new', '1m')));
    expect((await why('pod', '-f', manifest)).text).toContain('No scheduler is at work beside this API server');
    expect(await why('pod', '-f', manifest, '--scheduler', url)).toMatchObject({
      code: 0,
      text: expect.stringContaining('It would go to '),
    });
    expect((await why('pod/gone', '--scheduler', url)).text).toContain('pods "gone" not found');
    const { schedulerTransport } = await import('../../../src/cli/why/scheduler-transport.js');
    const node = schedulerTransport(url, pki.kubeletClient);
    await expect(
      node.request({ method: 'POST', path: `${PATH}/x/decisions`, query: new URLSearchParams(), body: [] }),
    ).rejects.toMatchObject({
      code: 400,
    });
    const controllers = schedulerTransport(url, pki.frontProxy.client);
    await expect(controllers.request({ method: 'GET', path: `${PATH}/web/decisions`, query: new URLSearchParams() })).rejects.toMatchObject(
      {
        code: 401,
      },
    );
  } finally {
    scheduler = apart;
    await component.close();
    await vouchedFor.close();
  }
});
