// Preemption by the scheduler at work: who goes, what is told of it, and what the decision records say afterwards.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import type { KubeObject } from '../../../src/apimachinery/object.js';
import type { Informers } from '../../../src/client/informer.js';
import { createInformers } from '../../../src/client/informers.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { podDisruptionBudgets } from '../../../src/kinds/policy/poddisruptionbudget.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { type RunningScheduler, startScheduler } from '../../../src/scheduler/scheduler.js';
import { showsFields } from '../../suites/pod-spec.js';
import { fixedRandom, ManualClock, settle } from '../client/fakes.js';
import { at, node, pod } from '../controllers/objects.js';
import { PatchingApi } from '../controllers/patching-api.js';

let api: PatchingApi;
let clock: ManualClock;
let informers: Informers;
let scheduler: RunningScheduler;
let told: string[];

beforeEach(() => {
  api = new PatchingApi();
  clock = new ManualClock();
  informers = createInformers({ client: api, clock, random: fixedRandom, log: silentLogger });
  told = [];
});

afterEach(async () => {
  await scheduler.stop();
  informers.stop();
});

async function start(): Promise<void> {
  const events = {
    event: (about: KubeObject, type: string, reason: string, message: string) =>
      void told.push(`${about.metadata.name} ${type} ${reason} ${message}`),
  };
  scheduler = startScheduler({ client: api, informers, clock, random: fixedRandom, log: silentLogger, events: () => events });
  await settle();
}

const room = (cpu: string) => ({ status: { allocatable: { cpu, memory: '8Gi', pods: '110' } } });
const containers = (cpu: string) => [{ name: 'c', image: 'busybox', resources: { requests: { cpu } } }];
const wanting = (name: string, priority: number, cpu: string, more: object = {}) =>
  pod(name, { spec: { priority, containers: containers(cpu), ...more } });
const running = (name: string, nodeName: string, priority: number, cpu: string, extra: { metadata?: object; status?: object } = {}) =>
  pod(name, {
    metadata: extra.metadata ?? {},
    spec: { nodeName, priority, containers: containers(cpu) },
    status: { phase: 'Running', startTime: at(0), ...extra.status },
  });
const find = (name: string) => api.objects(pods).find(({ metadata }) => metadata.name === name);
const failures = () => told.filter((line) => line.includes('FailedScheduling'));

test('room is made where it costs the least: the victim is told, and the pod gets the node once it is gone', async () => {
  for (const name of ['n1', 'n2']) await api.create(nodes, node(name, room('1')));
  await api.create(pods, running('dear', 'n1', 9, '800m'));
  await api.create(pods, running('cheap', 'n2', 1, '800m'));
  await start();
  await api.create(pods, wanting('urgent', 10, '500m'));
  await settle();
  expect(find('cheap')).toMatchObject({
    metadata: { deletionTimestamp: expect.any(String) },
    status: {
      conditions: [
        {
          type: 'DisruptionTarget',
          status: 'True',
          reason: 'PreemptionByScheduler',
          message: 'default-scheduler: preempting to accommodate a higher priority pod',
        },
      ],
    },
  });
  expect(find('dear')?.metadata.deletionTimestamp).toBeUndefined();
  const { uid } = find('urgent')!.metadata;
  expect(told).toEqual([
    'urgent Warning FailedScheduling 0/2 nodes are available: 2 Insufficient cpu.',
    `cheap Normal Preempted Preempted by pod ${uid} on node n2`,
  ]);
  expect(find('urgent')?.status.nominatedNodeName).toBe('n2');
  expect(scheduler.decisionsOf(find('urgent')!)).toMatchObject({
    state: 'unschedulable',
    message: 'It waits for pods on n2 that have to go for it.',
    waitsFor: [{ plugin: 'DefaultPreemption', events: ['AssignedPodDelete'] }, { plugin: 'NodeResourcesFit' }],
  });
  await api.delete(pods, { namespace: 'default', name: 'cheap' }, { gracePeriodSeconds: 0 });
  // Nobody else is to be tried: no back-off is waited for.
  await settle();
  expect(find('urgent')?.spec.nodeName).toBe('n2');
  const { decisions, state } = scheduler.decisionsOf(find('urgent')!);
  expect(state).toBe('bound');
  expect(decisions.map(({ attempt, node: chosen }) => [attempt, chosen])).toEqual([
    [2, 'n2'],
    [1, undefined],
  ]);
  expect(decisions[1]).toMatchObject({
    nominatedNode: 'n2',
    preemption: {
      chosen: 'n2',
      message: 'lowest priority of the most important victim',
      candidates: [
        { node: 'n2', victims: [{ name: 'cheap', priority: 1 }], pdbViolations: 0 },
        { node: 'n1', victims: [{ name: 'dear', priority: 9 }], pdbViolations: 0 },
      ],
    },
  });
});

test('while victims end nobody else is chosen, and others of less priority do not take the room', async () => {
  for (const name of ['n1', 'n2']) await api.create(nodes, node(name, room('1')));
  await api.create(pods, running('a', 'n1', 1, '800m', { metadata: { finalizers: ['test/slow'] } }));
  await api.create(pods, running('b', 'n2', 2, '800m'));
  await start();
  await api.create(pods, wanting('urgent', 10, '600m'));
  await settle();
  expect(find('a')?.metadata.deletionTimestamp).toBeDefined();
  // A node comes that could hold it, but for a taint: it is tried again, and waits on.
  await api.create(nodes, node('n3', { ...room('1'), spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } }));
  await clock.advance(2000);
  expect(find('b')?.metadata.deletionTimestamp).toBeUndefined();
  expect(failures().at(-1)).toContain('preemption: not eligible due to a terminating pod on the nominated node.');
  await api.create(pods, wanting('late', 5, '500m'));
  const { metadata } = find('a')!;
  await api.update(pods, { ...find('a')!, metadata: { ...metadata, finalizers: [], deletionGracePeriodSeconds: 0 } });
  await clock.advance(20_000);
  expect(find('urgent')?.spec.nodeName).toBe('n1');
  expect(find('late')?.spec.nodeName).not.toBe('n1');
});

test('a pod that must not preempt waits, and says so', async (context) => {
  showsFields(context, 'spec.preemptionPolicy');
  await api.create(nodes, node('n1', room('1')));
  await api.create(pods, running('low', 'n1', 1, '800m'));
  await start();
  await api.create(pods, wanting('polite', 10, '500m', { preemptionPolicy: 'Never' }));
  await settle();
  expect(failures()).toEqual([
    'polite Warning FailedScheduling 0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.',
  ]);
  expect(find('low')?.metadata.deletionTimestamp).toBeUndefined();
  await api.create(pods, wanting('pushy', 10, '500m', { preemptionPolicy: 'PreemptLowerPriority' }));
  await settle();
  expect(find('low')?.metadata.deletionTimestamp).toBeDefined();
});

test('where nobody can go for it, it says how many nodes have nobody and where it would not help', async () => {
  await api.create(nodes, node('n1', room('1')));
  await api.create(nodes, node('n2', { ...room('1'), spec: { unschedulable: true } }));
  await api.create(pods, running('equal', 'n1', 5, '800m'));
  await start();
  await api.create(pods, wanting('p', 5, '500m'));
  await settle();
  expect(failures()).toEqual([
    'p Warning FailedScheduling 0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
  ]);
});

test('a disruption budget is kept where another node will do', async () => {
  for (const name of ['n1', 'n2']) await api.create(nodes, node(name, room('1')));
  await api.create(pods, running('guarded', 'n1', 0, '800m', { metadata: { labels: { app: 'db' } } }));
  await api.create(pods, running('free', 'n2', 5, '800m'));
  await api.create(podDisruptionBudgets, {
    metadata: { name: 'db', namespace: 'default' },
    spec: { selector: { matchLabels: { app: 'db' } }, minAvailable: 1 },
    status: { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
  } as never);
  await start();
  await api.create(pods, wanting('urgent', 10, '500m'));
  await settle();
  expect(find('free')?.metadata.deletionTimestamp).toBeDefined();
  expect(find('guarded')?.metadata.deletionTimestamp).toBeUndefined();
});

test('pods that were promised a node and are less important lose the promise', async () => {
  await api.create(nodes, node('n1', room('1')));
  await api.create(pods, running('low', 'n1', 0, '800m', { metadata: { finalizers: ['test/slow'] } }));
  await start();
  await api.create(pods, wanting('mid', 5, '600m'));
  await settle();
  expect(find('mid')?.status.nominatedNodeName).toBe('n1');
  await api.create(pods, wanting('high', 10, '600m'));
  await settle();
  expect(find('high')?.status.nominatedNodeName).toBe('n1');
  expect(find('mid')?.status.nominatedNodeName ?? '').toBe('');
});

test('it is not tried before all of its victims have been told to go, and at once when they have gone', async () => {
  await api.create(nodes, node('n1', room('1')));
  for (const name of ['a', 'b']) await api.create(pods, running(name, 'n1', 0, '500m'));
  await start();
  const { delete: really } = api;
  let tell = () => {};
  const toBeTold = new Promise<void>((resolve) => {
    tell = resolve;
  });
  api.delete = async (kind, name) => {
    if (name.name === 'b') await toBeTold;
    await really.call(api, kind as never, name, { gracePeriodSeconds: 0 });
  };
  await api.create(pods, wanting('urgent', 10, '1'));
  await settle();
  expect([find('a'), find('b')?.metadata.name]).toEqual([undefined, 'b']);
  expect(failures()).toHaveLength(1);
  expect(scheduler.decisionsOf(find('urgent')!)).toMatchObject({
    state: 'unschedulable',
    message: 'It waits for pods on n1 that have to go for it.',
  });
  tell();
  await settle();
  expect(find('urgent')?.spec.nodeName).toBe('n1');
  expect(scheduler.decisionsOf(find('urgent')!).decisions.map(({ attempt }) => attempt)).toEqual([2, 1]);
});

test('a victim that cannot be deleted is tried again later', async () => {
  await api.create(nodes, node('n1', room('1')));
  await api.create(pods, running('low', 'n1', 0, '800m'));
  await start();
  const { delete: really } = api;
  let failing = true;
  api.delete = async (...args: never[]) => {
    if (failing) throw new Error('etcd is slow');
    return (really as (...args: never[]) => Promise<void>).apply(api, args);
  };
  await api.create(pods, wanting('urgent', 10, '600m'));
  await settle();
  expect(find('low')?.metadata.deletionTimestamp).toBeUndefined();
  failing = false;
  await clock.advance(2000);
  expect(find('low')?.metadata.deletionTimestamp).toBeDefined();
});

test('what would become of a pod that is not there: nothing is touched', async () => {
  await api.create(nodes, node('n1', room('1')));
  await api.create(pods, running('low', 'n1', 0, '800m'));
  await start();
  const before = api.requests.length;
  const trial = await scheduler.tryOut(wanting('maybe', 10, '600m') as Pod);
  expect(trial).toMatchObject({
    state: 'trial',
    message: 'It would have to wait for pods on n1 that have to go for it.',
    decisions: [{ attempt: 0, preemption: { chosen: 'n1', candidates: [{ victims: [{ name: 'low' }] }] } }],
  });
  expect(await scheduler.tryOut(wanting('small', 0, '100m') as Pod)).toMatchObject({
    message: 'It would go to n1.',
    decisions: [{ node: 'n1' }],
  });
  await clock.advance(5000);
  expect(api.requests.length).toBe(before);
  expect(find('low')?.metadata.deletionTimestamp).toBeUndefined();
});
