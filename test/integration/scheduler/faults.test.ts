// Faults: schedulers that die between assumption and binding, that fight over the same pods, whose bindings fail or get lost, and nodes and clocks that
// do not hold still. No pod is bound twice, none is lost, and no node is given more than it has.
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Clock } from '../../../src/apimachinery/clock.js';
import { systemRandom as random, systemClock } from '../../../src/apimachinery/clock.js';
import { silentLogger as log } from '../../../src/apimachinery/logger.js';
import { serviceUnavailable } from '../../../src/apimachinery/status.js';
import { ApiClient } from '../../../src/client/api-client.js';
import type { ApiRequest, Transport } from '../../../src/client/client.js';
import { createInformers } from '../../../src/client/informers.js';
import { SCHEDULER } from '../../../src/cluster/component-clients.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { pods } from '../../../src/kinds/core/pod.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';
import { startScheduler } from '../../../src/scheduler/scheduler.js';
import { startTestServer, type TestServer } from '../../suites/apiserver.js';
import { until } from '../../suites/until.js';

const PODS = 60;
const PER_NODE = 10;

let api: TestServer;
/** What the API server accepted: pod -> nodes that it was bound to. */
let accepted: Map<string, string[]>;
const ends: (() => Promise<void>)[] = [];

beforeEach(async () => {
  accepted = new Map();
  api = await startTestServer({ disableAdmissionPlugins: ['ServiceAccount', 'StorageObjectInUseProtection', 'TaintNodesByCondition'] });
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await api.stop();
});

type Fault = (binding: ApiRequest, pass: () => Promise<unknown>) => Promise<unknown>;

const BACKOFF = { backoffInitial_ms: 20, backoffMax_ms: 100 };

function start(fault: Fault = (_, pass) => pass(), clock: Clock = systemClock) {
  const inner = api.server.transport(SCHEDULER);
  const transport: Transport = {
    watch: (request, signal) => inner.watch(request, signal),
    request(request) {
      if (!request.path.endsWith('/binding')) return inner.request(request);
      return fault(request, async () => {
        const answer = await inner.request(request);
        const { metadata, target } = request.body as { metadata: { name: string }; target: { name: string } };
        accepted.set(metadata.name, [...(accepted.get(metadata.name) ?? []), target.name]);
        return answer;
      });
    },
  };
  const client = new ApiClient(transport);
  const informers = createInformers({ client, clock, random, log });
  const scheduler = startScheduler({ client, informers, clock, random, log, events: () => ({ event() {} }), ...BACKOFF });
  ends.push(async () => {
    await scheduler.stop();
    informers.stop();
  });
  /** As kill -9 looks to the others: nothing that was under way is heard of again. */
  return { kill: () => informers.stop() };
}

async function addNode(name: string, slots = PER_NODE): Promise<void> {
  const amounts = { cpu: String(slots), memory: '64Gi', pods: '110' };
  await api.client.create(nodes, { metadata: { name, labels: { 'kubernetes.io/hostname': name } } });
  await api.client.patch(
    nodes,
    { name },
    'application/merge-patch+json',
    { status: { allocatable: amounts, capacity: amounts } },
    'status',
  );
}

async function addPods(count: number, prefix = 'p'): Promise<void> {
  for (let i = 0; i < count; i++) {
    await api.client.create(pods, {
      metadata: { namespace: 'default', name: `${prefix}${i}` },
      spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '1' } } }] },
    });
  }
}

const all = async (): Promise<readonly Pod[]> => (await api.client.list(pods, { namespace: 'default' })).items;
const placed = async () => (await all()).filter(({ spec }) => spec.nodeName).length;

async function expectOrder(): Promise<void> {
  const byNode = new Map<string, number>();
  for (const { spec } of await all()) byNode.set(spec.nodeName ?? '', (byNode.get(spec.nodeName ?? '') ?? 0) + 1);
  expect([...byNode].filter(([, count]) => count > PER_NODE)).toEqual([]);
  expect([...accepted].filter(([, on]) => on.length > 1)).toEqual([]);
}

test('one dies between assumption and binding: the next places what it left behind, and nothing else anew', async () => {
  for (let i = 0; i < PODS / PER_NODE; i++) await addNode(`n${i}`);
  let bindings = 0;
  const [gone, died] = [new AbortController(), new AbortController()];
  const [isGone, hasDied] = [once(gone.signal, 'abort'), once(died.signal, 'abort')];
  // The first half comes through; of the rest some arrive before it is dead but their answer is lost, the others never do.
  const arriving: Promise<unknown>[] = [];
  const first = start(async (_, pass) => {
    const n = ++bindings;
    if (n <= PODS / 2) return pass();
    if (!died.signal.aborted && n % 2 === 0) arriving.push(pass());
    if (n === PODS / 2 + 10) died.abort();
    await isGone;
    throw serviceUnavailable('killed');
  });
  await addPods(PODS);
  await hasDied;
  first.kill();
  // One that arrived after the next has looked could take what that one gives to another: no scheduler can know of it.
  await Promise.all(arriving);
  start();
  await until('all have a node', async () => (await placed()) === PODS);
  gone.abort();
  await expectOrder();
});

test('two of the same name without a lease: conflicts, but every pod is bound once, and no node past its room for long', async () => {
  for (let i = 0; i < (2 * PODS) / PER_NODE; i++) await addNode(`n${i}`);
  start();
  start();
  await addPods(PODS);
  await until('all have a node', async () => (await placed()) === PODS);
  expect([...accepted].filter(([, on]) => on.length > 1)).toEqual([]);
  expect(accepted.size).toBe(PODS);
});

test('bindings that fail, and such that succeed though their answer says no, are tried again until each pod has one node', async () => {
  for (let i = 0; i < PODS / PER_NODE; i++) await addNode(`n${i}`);
  let n = 0;
  start(async (_, pass) => {
    n++;
    if (n % 3 === 0) throw serviceUnavailable('etcd is slow');
    const answer = await pass();
    if (n % 5 === 0) throw serviceUnavailable('the answer was lost');
    return answer;
  });
  await addPods(PODS);
  await until('all have a node', async () => (await placed()) === PODS);
  await expectOrder();
  expect((await all()).map(({ spec }) => spec.nodeName).sort()).toEqual([...accepted.values()].map(([on]) => on).sort());
});

test('nodes come and go while pods are placed: those that are left take all that is not lost with them', async () => {
  for (let i = 0; i < 8; i++) await addNode(`n${i}`);
  let n = 0;
  start(async (_, pass) => {
    if (++n % 15 === 0) await api.client.delete(nodes, { name: `n${n / 15}` });
    return pass();
  });
  await addPods(PODS);
  for (let i = 8; i < 16; i++) await addNode(`n${i}`);
  await until('all have a node', async () => (await placed()) === PODS);
  await expectOrder();
});

test('steps of the wall clock neither hold pods back nor bring them early', async () => {
  await addNode('full', 1);
  let step_ms = 0;
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + step_ms };
  start(undefined, clock);
  await addPods(2);
  await until('one is placed and one is told no', async () => {
    const conditions = (await all()).flatMap(({ status }) => status.conditions ?? []);
    return (await placed()) === 1 && conditions.some(({ reason }) => reason === 'Unschedulable');
  });
  step_ms = -86_400_000;
  await addNode('more', 1);
  await until('the other is placed', async () => (await placed()) === 2);
  step_ms = 86_400_000;
  await addPods(1, 'late');
  await addNode('most', 1);
  await until('the last is placed', async () => (await placed()) === 3);
});
