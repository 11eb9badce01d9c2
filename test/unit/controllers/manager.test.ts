// The manager: changes of inputs become reconciles, a key at a time, and never from a cache that has not seen the key's own writes.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Exposition } from '../../../src/apimachinery/exposition.js';
import { type Logger, silentLogger } from '../../../src/apimachinery/logger.js';
import { type KubeObject, parseKey } from '../../../src/apimachinery/object.js';
import { conflict } from '../../../src/apimachinery/status.js';
import type { Informers } from '../../../src/client/informer.js';
import { createInformers } from '../../../src/client/informers.js';
import { DEFAULT_OPTIONS } from '../../../src/controllers/default-options.js';
import { type ControllerDefinition, type ControllerOptions, defineController } from '../../../src/controllers/define.js';
import { horizontalPodAutoscaler } from '../../../src/controllers/horizontalpodautoscaler.js';
import { type RunningControllers, startControllers } from '../../../src/controllers/manager.js';
import { nodeLifecycle } from '../../../src/controllers/nodelifecycle.js';
import { replicaSet } from '../../../src/controllers/replicaset.js';
import { replicationController } from '../../../src/controllers/replicationcontroller.js';
import { configMaps } from '../../../src/kinds/core/configmap.js';
import { secrets } from '../../../src/kinds/core/secret.js';
import { serviceAccounts } from '../../../src/kinds/core/serviceaccount.js';
import { fixedRandom, ManualClock, MemoryApi, settle } from '../client/fakes.js';

const OPTIONS: ControllerOptions = {
  ...DEFAULT_OPTIONS,
  clusterSigningCert: '',
  clusterSigningKey: '',
  rootCa: '',
};

let api: MemoryApi;
let clock: ManualClock;
let informers: Informers;
let running: RunningControllers | undefined;
let errors: string[];

beforeEach(() => {
  errors = [];
  api = new MemoryApi();
  clock = new ManualClock();
  informers = createInformers({ client: api, clock, random: fixedRandom, log: silentLogger });
});
afterEach(async () => {
  informers.stop();
  await running?.stop();
  running = undefined;
});

function run(
  definition: Omit<ControllerDefinition, 'name' | 'outputs'> & Partial<Pick<ControllerDefinition, 'outputs'>>,
  options = OPTIONS,
): void {
  const events = { event: () => {} };
  const log: Logger = { ...silentLogger, error: (_, message) => void errors.push(message), child: () => log };
  const whole = defineController({ name: 'test', outputs: [configMaps, secrets], ...definition });
  running = startControllers([whole], { client: api, informers, clock, random: fixedRandom, log, options, events });
}

const named = (name: string, more: object = {}) => ({ metadata: { name, namespace: 'default', ...more } });
const ownedBy = (owner: string) => ({
  ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: owner, uid: 'u', controller: true }],
});

test('own kinds, owned objects and mapped objects lead to the right keys', async () => {
  const keys: string[] = [];
  run({
    inputs: [configMaps, secrets.ownedBy(configMaps), serviceAccounts.mapped((object) => [`default/of-${object.metadata.name}`])],
    reconcile: async (key) => void keys.push(key),
  });
  await api.create(configMaps, named('plain'));
  await api.create(secrets, named('s', ownedBy('owner')));
  await api.create(secrets, named('free'));
  await api.create(serviceAccounts, named('sa'));
  await clock.advance(1000);
  expect(keys.sort()).toEqual(['default/of-sa', 'default/owner', 'default/plain']);
});

test('nothing is reconciled before every input is in the cache', async () => {
  const keys: string[] = [];
  await api.create(configMaps, named('a'));
  api.down = true;
  run({ inputs: [configMaps, secrets], reconcile: async (key) => void keys.push(key) });
  await clock.advance(10_000);
  expect(keys).toEqual([]);
  api.down = false;
  await clock.advance(10_000);
  expect(keys).toEqual(['default/a']);
});

test.each([
  ['its own number', OPTIONS, 3],
  ['the flag’s', { ...OPTIONS, concurrentSyncs: { test: 2, other: 4 } }, 2],
])('one key is never reconciled twice at a time, different keys are, as many as is %s', async (_, options, expected) => {
  const running = new Set<string>();
  let most = 0;
  let finish = () => {};
  const gate = new Promise<void>((resolve) => (finish = resolve));
  const reconcile = async (key: string) => {
    expect(running.has(key)).toBe(false);
    running.add(key);
    most = Math.max(most, running.size);
    await gate;
    running.delete(key);
  };
  run({ inputs: [configMaps], concurrency: 3, reconcile }, options);
  for (const name of ['a', 'b', 'c', 'd']) await api.create(configMaps, named(name));
  await settle();
  await api.update(configMaps, named('a', {}));
  await settle();
  expect(most).toBe(expected);
  finish();
  await settle();
});

test('failures are retried with growing waits; a result can ask for another time', async () => {
  const times: number[] = [];
  const start = clock.now();
  run({
    inputs: [configMaps],
    async reconcile() {
      times.push(clock.now() - start);
      if (times.length <= 3) throw conflict(configMaps.groupResource, 'a');
      return times.length === 4 ? { requeueAfter_ms: 1000 } : undefined;
    },
  });
  await api.create(configMaps, named('a'));
  await clock.advance(60_000);
  expect(times).toEqual([0, 5, 15, 35, 1035]);
});

/** A controller that wants three Secrets for each ConfigMap, or none when the ConfigMap says so; it trusts its cache. */
const threeSecrets = {
  inputs: [configMaps, secrets.ownedBy(configMaps)],
  async reconcile(key: string, { get, list, client }: Parameters<ControllerDefinition['reconcile']>[1]) {
    const owner = get(configMaps, parseKey(key));
    if (!owner) return;
    const wanted = owner.data?.['none'] ? 0 : 3;
    const have = list(secrets, 'default').filter((object: KubeObject) => !object.metadata.deletionTimestamp);
    for (let i = have.length; i < wanted; i++) await client.create(secrets, named(`s-${api.version}`, ownedBy(owner.metadata.name)));
    for (const extra of have.slice(wanted)) await client.delete(secrets, extra.metadata);
  },
};

test('a reconcile sees its key’s own creations: no object is made twice', async () => {
  run(threeSecrets);
  await settle();
  await api.create(configMaps, named('a'));
  await settle();
  expect(api.objects(secrets)).toHaveLength(3);
  await api.create(configMaps, named('b', {}));
  api.hold();
  for (const object of api.objects(secrets).slice(0, 2)) await api.delete(secrets, object.metadata);
  await api.update(configMaps, { ...named('a'), data: { x: '1' } });
  await settle();
  api.release();
  await settle();
  expect(api.objects(secrets)).toHaveLength(3);
});

test('a reconcile waits for its own writes, however late their events come', async () => {
  run(threeSecrets);
  await settle();
  let reconciles = 0;
  const create = api.create.bind(api);
  // Each creation's event is held back, while another change calls for the key again.
  api.create = (async (kind: never, object: never) => {
    if (kind === (secrets as never)) {
      api.hold();
      reconciles++;
    }
    return create(kind, object);
  }) as typeof api.create;
  await api.create(configMaps, named('a'));
  await settle();
  await clock.advance(5_000);
  expect(reconciles).toBe(3);
  api.release();
  await clock.advance(60_000);
  expect(api.objects(secrets)).toHaveLength(3);
});

test('a deletion is waited for until the object is gone from the cache', async () => {
  run(threeSecrets);
  await settle();
  await api.create(configMaps, named('a'));
  await settle();
  const remove = api.delete.bind(api);
  api.delete = (async (kind: never, name: never) => {
    await remove(kind, name);
    api.hold();
  }) as typeof api.delete;
  await api.update(configMaps, { ...named('a'), data: { none: 'true' } });
  await clock.advance(5_000);
  const deletions = () => api.requests.filter((request) => request.startsWith('delete')).length;
  expect(deletions()).toBe(3);
  api.release();
  await clock.advance(60_000);
  expect(deletions()).toBe(3);
  expect(api.objects(secrets)).toHaveLength(0);
});

test('stop waits for the reconcile that runs, and starts no other', async () => {
  let finish = () => {};
  const seen: string[] = [];
  run({
    inputs: [configMaps],
    concurrency: 1,
    async reconcile(key) {
      seen.push(key);
      await new Promise<void>((resolve) => (finish = resolve));
    },
  });
  await api.create(configMaps, named('a'));
  await api.create(configMaps, named('b'));
  await settle();
  let stopped = false;
  const stopping = running!.stop().then(() => (stopped = true));
  await settle();
  expect(stopped).toBe(false);
  finish();
  await stopping;
  expect(seen).toEqual(['default/a']);
});

test.each([
  ['another kind', [configMaps], 'writes secrets'],
  ['the object where only its status is declared', [secrets.status], 'writes secrets'],
])('what is not among its outputs it cannot write: %s', async (_, outputs, message) => {
  run({
    inputs: [configMaps],
    outputs,
    reconcile: async (_key, { client }) => void (await client.create(secrets, { metadata: { name: 's', namespace: 'default' } })),
  });
  await api.create(configMaps, named('a'));
  await clock.advance(10);
  expect(errors[0]).toBe(`reconcile failed: controller test ${message}, which is not among its outputs`);
  expect(api.objects(secrets)).toEqual([]);
});

test('metrics tell how many keys wait, how often they came and failed, and how long they took', async () => {
  let end = () => {};
  run({
    inputs: [configMaps],
    concurrency: 1,
    reconcile: async (key) => {
      if (key === 'default/bad') throw conflict(configMaps.groupResource, 'bad', 'no');
      await new Promise<void>((resolve) => (end = resolve));
    },
  });
  await api.create(configMaps, named('bad'));
  await api.create(configMaps, named('slow'));
  await api.create(configMaps, named('waits'));
  await clock.advance(3000);
  const lines = () => {
    const out = new Exposition();
    running!.writeMetrics(out);
    return out.toString().split('\n');
  };
  // The bad one, which is behind the slow one when it comes again, has failed once.
  expect(lines()).toEqual(
    expect.arrayContaining([
      'workqueue_depth{name="test"} 2',
      'workqueue_adds_total{name="test"} 4',
      'workqueue_retries_total{name="test"} 1',
      'workqueue_longest_running_processor_seconds{name="test"} 3',
      'running_managed_controllers{manager="kube-controller-manager",name="test-controller"} 1',
      'porthole_controller_reconciles_total{name="test",result="error"} 1',
    ]),
  );
  end();
  await clock.advance(0);
  expect(lines()).toContain('workqueue_work_duration_seconds_sum{name="test"} 3');
  end();
});

test('events are from whom `kubectl describe` shows them to be from', async () => {
  const sources: string[] = [];
  const events = (source: string) => {
    sources.push(source);
    return { event: () => {} };
  };
  const definitions = [replicaSet, replicationController, horizontalPodAutoscaler, nodeLifecycle];
  running = startControllers(definitions, {
    client: api,
    informers,
    clock,
    random: fixedRandom,
    log: silentLogger,
    options: OPTIONS,
    events,
  });
  expect(sources).toEqual(['replicaset-controller', 'replication-controller', 'horizontal-pod-autoscaler', 'node-controller']);
});
