// The scheduler at work: pods get bound, failures are told and retried, and no node is overbooked.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/apimachinery/json.js';
import { silentLogger } from '../../../src/apimachinery/logger.js';
import type { KubeObject, ObjectName } from '../../../src/apimachinery/object.js';
import { internalError } from '../../../src/apimachinery/status.js';
import type { Informers } from '../../../src/client/informer.js';
import { createInformers } from '../../../src/client/informers.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { persistentVolumeClaims } from '../../../src/kinds/core/persistentvolumeclaim.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Kind } from '../../../src/kinds/define.js';
import { storageClasses } from '../../../src/kinds/storage/storageclass.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { readConfiguration } from '../../../src/scheduler/config.js';
import type { Profile, SchedulerPlugin } from '../../../src/scheduler/define.js';
import { defaultProfile } from '../../../src/scheduler/profile.js';
import { type RunningScheduler, startScheduler } from '../../../src/scheduler/scheduler.js';
import { showsFields } from '../../suites/pod-spec.js';
import { fixedRandom, ManualClock, settle } from '../client/fakes.js';
import { node, pod } from '../controllers/objects.js';
import { PatchingApi } from '../controllers/patching-api.js';

/** Binds as the API server does; the first `failures` bindings are refused. */
class BindingApi extends PatchingApi {
  failures = 0;

  override async post(): Promise<JsonObject>;
  override async post<T extends KubeObject>(kind: Kind<T>, name: ObjectName, subresource: string, body: JsonObject): Promise<JsonObject>;
  override async post<T extends KubeObject>(
    kind?: Kind<T>,
    name?: ObjectName,
    subresource?: string,
    body?: JsonObject,
  ): Promise<JsonObject> {
    if (this.failures-- > 0) throw internalError('etcd is slow');
    return super.post(kind!, name!, subresource!, body!);
  }

  get bindings(): readonly string[] {
    return this.requests.filter((request) => request.startsWith('binding'));
  }
}

let api: BindingApi;
let clock: ManualClock;
let informers: Informers;
let scheduler: RunningScheduler | undefined;
let told: string[];

beforeEach(() => {
  api = new BindingApi();
  clock = new ManualClock();
  informers = createInformers({ client: api, clock, random: fixedRandom, log: silentLogger });
  told = [];
});

afterEach(async () => {
  await scheduler?.stop();
  informers.stop();
});

async function start(profiles?: readonly Profile[]): Promise<void> {
  const events = {
    event: (about: KubeObject, type: string, reason: string, message: string) =>
      void told.push(`${about.metadata.name} ${type} ${reason} ${message}`),
  };
  scheduler = startScheduler({
    client: api,
    informers,
    clock,
    random: fixedRandom,
    log: silentLogger,
    events: () => events,
    ...(profiles && { profiles }),
  });
  await settle();
}

const NO_ROOM =
  '0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.';
const small = { status: { allocatable: { cpu: '1', memory: '8Gi', pods: '110' } } };
const asking = (cpu: string) => ({ spec: { containers: [{ name: 'c', resources: { requests: { cpu } } }] } });
const nodeOf = (name: string) => api.objects(pods).find(({ metadata }) => metadata.name === name)?.spec.nodeName;

test('a pod gets a node and an event says so', async () => {
  await api.create(nodes, node('n1'));
  await start();
  await api.create(pods, pod('p'));
  await settle();
  expect(api.bindings).toEqual(['binding default/p n1']);
  expect(told).toEqual(['p Normal Scheduled Successfully assigned default/p to n1']);
});

test('pods that come at once do not overbook a node before the API tells of the first', async () => {
  await api.create(nodes, node('n1', small));
  await start();
  api.hold();
  for (const name of ['a', 'b', 'c']) await api.create(pods, pod(name, asking('400m')));
  api.release();
  await settle();
  expect(api.bindings.length).toBe(2);
  expect(told.filter((line) => line.includes('FailedScheduling'))).toEqual([`c Warning FailedScheduling ${NO_ROOM}`]);
});

test('an unschedulable pod carries the condition, and is placed once another makes room', async () => {
  await api.create(nodes, node('n1', small));
  await start();
  await api.create(pods, pod('a', asking('800m')));
  await settle();
  await api.create(pods, pod('b', asking('800m')));
  await settle();
  const waiting = api.objects(pods).find(({ metadata }) => metadata.name === 'b')!;
  expect(waiting.status.conditions).toMatchObject([{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: NO_ROOM }]);
  await clock.advance(20_000);
  expect(nodeOf('b')).toBeUndefined();
  await api.delete(pods, { namespace: 'default', name: 'a' }, { gracePeriodSeconds: 0 });
  await settle();
  expect(nodeOf('b')).toBe('n1');
});

test('a new node takes what waited for one', async () => {
  await start();
  await api.create(pods, pod('p'));
  await settle();
  expect(told).toEqual(['p Warning FailedScheduling no nodes available to schedule pods']);
  await api.create(nodes, node('n1'));
  await clock.advance(1000);
  expect(nodeOf('p')).toBe('n1');
});

test('a binding that fails gives the room back and is tried again', async () => {
  api.failures = 1;
  await api.create(nodes, node('n1', small));
  await start();
  await api.create(pods, pod('p', asking('800m')));
  await settle();
  expect(nodeOf('p')).toBeUndefined();
  expect(told.at(-1)).toContain('binding rejected');
  const waiting = api.objects(pods).find(({ metadata }) => metadata.name === 'p')!;
  expect(scheduler!.decisionsOf(waiting)).toMatchObject({
    state: 'backoff',
    decisions: [{ attempt: 1, node: 'n1', message: expect.stringContaining('binding rejected') }],
  });
  await clock.advance(1000);
  expect(nodeOf('p')).toBe('n1');
});

test('pods of another scheduler, gated pods and pods that are going are left alone', async (context) => {
  showsFields(context, 'spec.schedulerName', 'spec.schedulingGates[].name');
  await api.create(nodes, node('n1'));
  await start();
  await api.create(pods, pod('other', { spec: { schedulerName: 'mine' } }));
  await api.create(pods, pod('gated', { spec: { schedulingGates: [{ name: 'wait' }] } }));
  await api.create(pods, pod('going', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }));
  await settle();
  expect(api.bindings).toEqual([]);
});

test('a pod that a plugin fails over is told of and backs off; the others go on', async () => {
  await api.create(nodes, node('n1'));
  let broken = true;
  const failing: SchedulerPlugin = {
    name: 'Failing',
    filter({ metadata }) {
      if (broken && metadata.name === 'bad') throw new Error('cannot be read');
      return undefined;
    },
  };
  const profile = defaultProfile();
  await start([{ ...profile, filter: [...profile.filter, failing] }]);
  await api.create(pods, pod('bad'));
  await api.create(pods, pod('good'));
  await settle();
  expect([nodeOf('good'), nodeOf('bad')]).toEqual(['n1', undefined]);
  const bad = api.objects(pods).find(({ metadata }) => metadata.name === 'bad')!;
  expect(bad.status.conditions).toMatchObject([{ type: 'PodScheduled', status: 'False', reason: 'SchedulerError' }]);
  expect(bad.status.conditions![0]!.message).toContain('cannot be read');
  expect(told.filter((line) => line.startsWith('bad Warning FailedScheduling'))).toHaveLength(1);
  broken = false;
  await clock.advance(1000);
  expect(nodeOf('bad')).toBe('n1');
});

test('quantities that are none: of a pod to be placed that is told, of what is there already they count as nothing; the others go on', async () => {
  const asking = (cpu: string) => ({ containers: [{ name: 'c', image: 'busybox', resources: { requests: { cpu } } }] });
  const having = (cpu: string) => ({ status: { allocatable: { cpu, memory: '8Gi', pods: '110' } } });
  await api.create(nodes, node('unknown', having('lots')));
  await api.create(nodes, node('n1', having('2')));
  await start();
  await api.create(pods, pod('there', { spec: { ...asking('many'), nodeName: 'n1' } }));
  await api.create(pods, pod('bad', { spec: asking('many') }));
  await api.create(pods, pod('good', { spec: asking('1') }));
  await api.create(pods, pod('large', { spec: asking('3') }));
  await settle();
  expect([nodeOf('good'), nodeOf('bad'), nodeOf('large')]).toEqual(['n1', undefined, undefined]);
  expect(told.filter((line) => /^(bad|large)/.test(line))).toEqual([
    expect.stringMatching(/^bad Warning FailedScheduling running PreFilter plugin "NodeResourcesFit": quantities must match/),
    expect.stringMatching(/^large Warning FailedScheduling 0\/2 nodes are available: 2 Insufficient cpu\./),
  ]);
  // Changes are looked at by what waits.
  await api.update(nodes, { ...api.objects(nodes).find(({ metadata }) => metadata.name === 'unknown')!, ...having('4') } as never);
  await clock.advance(1000);
  expect(nodeOf('large')).toBe('unknown');
});

test('what a plugin reserves is given back where a later step fails, and kept where all go well', async () => {
  await api.create(nodes, node('n1', small));
  const steps: string[] = [];
  let refuses = true;
  const step =
    (name: string) =>
    ({ metadata }: Pod) => {
      steps.push(`${name} ${metadata.name}`);
      return undefined;
    };
  const tracing: SchedulerPlugin = {
    name: 'Tracing',
    reserve: step('reserve'),
    unreserve: step('unreserve'),
    permit: (one) => step('permit')(one) ?? (refuses ? Promise.reject(new Error('not now')) : undefined),
    preBind: step('preBind'),
    postBind: step('postBind'),
  };
  const profile = defaultProfile();
  const with_ = (point: 'reserve' | 'permit' | 'preBind' | 'postBind') => ({ [point]: [...profile[point], tracing] });
  await start([{ ...profile, ...with_('reserve'), ...with_('permit'), ...with_('preBind'), ...with_('postBind') }]);
  await api.create(pods, pod('p', asking('800m')));
  await settle();
  expect(steps).toEqual(['reserve p', 'permit p', 'unreserve p']);
  expect(told.at(-1)).toBe('p Warning FailedScheduling running Permit plugin "Tracing": not now');
  refuses = false;
  steps.length = 0;
  await clock.advance(1000);
  expect(steps).toEqual(['reserve p', 'permit p', 'preBind p', 'postBind p']);
  expect(nodeOf('p')).toBe('n1');
});

test('each profile takes the pods of its name, by its own plugins', async () => {
  await api.create(nodes, node('n1'));
  await api.create(nodes, node('n2'));
  const only: SchedulerPlugin = { name: 'OnlyN2', filter: (_, { name }) => (name === 'n2' ? undefined : { reasons: ['not n2'] }) };
  const profile = defaultProfile();
  const picky = { ...profile, schedulerName: 'picky', filter: [...profile.filter, only] };
  await start([profile, picky]);
  for (let i = 0; i < 4; i++) await api.create(pods, pod(`picky-${i}`, { spec: { schedulerName: 'picky' } }));
  await api.create(pods, pod('usual'));
  await settle();
  expect([0, 1, 2, 3].map((i) => nodeOf(`picky-${i}`))).toEqual(['n2', 'n2', 'n2', 'n2']);
  expect(nodeOf('usual')).toBeDefined();
});

test('a pod gives its node back where its volume is not made within the time that the configuration says', async () => {
  const text = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles: [{ pluginConfig: [{ name: VolumeBinding, args: { bindTimeoutSeconds: 30 } }] }]`;
  await api.create(nodes, node('n1'));
  const metadata = { name: 'made', uid: 'uid-made' };
  const volumeBindingMode = 'WaitForFirstConsumer';
  await api.create(storageClasses, {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata,
    provisioner: 'away',
    volumeBindingMode,
  } as never);
  const spec = { storageClassName: 'made', accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
  const claim = { name: 'data', namespace: 'default', uid: 'uid-data' };
  await api.create(persistentVolumeClaims, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: claim, spec, status: {} } as never);
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
  await start(readConfiguration(text).profiles);
  await api.create(pods, pod('p', { spec: { containers: [{ name: 'c' }], volumes } }));
  await settle();
  await clock.advance(29_000);
  expect(told).toEqual([]);
  await clock.advance(1_000);
  expect(told).toEqual(['p Warning FailedScheduling running PreBind plugin "VolumeBinding": timed out waiting for the condition']);
});
