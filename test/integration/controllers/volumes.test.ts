// Volumes and claims on a real API server: binding, provisioning on the node of the first consumer, growing, and what is left at the end.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Draft } from '../../../src/apimachinery/json.js';
import { isStatus } from '../../../src/apimachinery/status.js';
import { ensureLocalPathClass } from '../../../src/cluster/default-storage-class.js';
import { events } from '../../../src/kinds/core/event.js';
import { nodes } from '../../../src/kinds/core/node.js';
import { persistentVolumes } from '../../../src/kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../../../src/kinds/core/persistentvolumeclaim.js';
import { pods } from '../../../src/kinds/core/pod.js';
import { FINALIZER_LOCAL_PATH } from '../../../src/kinds/storage/local-path.js';
import { storageClasses } from '../../../src/kinds/storage/storageclass.js';
import type { PersistentVolume, PersistentVolumeClaimSpec, Pod } from '../../../src/kinds/types/core_v1.js';
import { type Cluster, startCluster } from './harness.js';

let cluster: Cluster;

beforeEach(async () => {
  cluster = await startCluster();
  for (const name of ['node-1', 'node-2']) await cluster.join(name);
});

afterEach(() => cluster.stop());

const MERGE = 'application/merge-patch+json';
const named = (name: string) => ({ namespace: 'default', name });
const volume = (name: string, spec: object = {}, metadata: object = {}): Draft<PersistentVolume> => ({
  metadata: { name, ...metadata },
  spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: `/mnt/${name}` }, ...spec },
});
const makeVolume = (name: string, spec: object = {}, metadata: object = {}) =>
  cluster.client.create(persistentVolumes, volume(name, spec, metadata));
const makeClaim = (name: string, spec: Partial<PersistentVolumeClaimSpec> = {}, metadata: object = {}) =>
  cluster.client.create(persistentVolumeClaims, {
    metadata: { ...named(name), ...metadata },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  });
const makePod = (name: string, volumes: Pod['spec']['volumes'] & object, spec: object = {}) =>
  cluster.client.create(pods, {
    metadata: named(name),
    spec: { containers: [{ name: 'c', image: 'busybox' }], volumes, ...spec },
  });
const using = (claimName: string) => [{ name: 'data', persistentVolumeClaim: { claimName } }];
const claim = (name: string) => cluster.client.get(persistentVolumeClaims, named(name));
const persistent = (name: string) => cluster.client.get(persistentVolumes, { name });
const pod = (name: string) => cluster.client.get(pods, named(name));
const claimIs = (name: string, phase: string) =>
  cluster.until(`claim ${name} is ${phase}`, async () => (await claim(name)).status.phase === phase);
const volumeIs = (name: string, phase: string) =>
  cluster.until(`volume ${name} is ${phase}`, async () => (await persistent(name)).status.phase === phase);
const runs = (name: string) => cluster.until(`${name} runs`, async () => (await pod(name)).status.phase === 'Running');
const told = async (name: string) =>
  (await cluster.client.list(events, {})).items
    .filter((each) => each.involvedObject.name === name)
    .map((each) => `${each.reason}: ${each.message}`);
const isTold = (name: string, what: string) =>
  cluster.until(`${name} is told ${what}`, async () => (await told(name)).some((line) => line.includes(what)));
const isGone = async (get: Promise<unknown>) => {
  try {
    await get;
    return false;
  } catch (error) {
    if (isStatus(error as Error, 'NotFound')) return true;
    throw error;
  }
};

describe('binding', () => {
  test('a claim gets the smallest volume that does: by size, modes, class, selector and volume mode', async () => {
    await makeVolume('small', { capacity: { storage: '500Mi' } });
    await makeVolume('large', { capacity: { storage: '10Gi' } }, { labels: { tier: 'gold' } });
    await makeVolume('right', { capacity: { storage: '2Gi' } });
    await makeVolume('shared', { accessModes: ['ReadWriteMany'] });
    await makeVolume('block', { volumeMode: 'Block' });
    await makeVolume('classy', { storageClassName: 'fast' });
    for (const name of ['small', 'large', 'right', 'shared', 'block', 'classy']) await volumeIs(name, 'Available');
    await makeClaim('plain');
    await claimIs('plain', 'Bound');
    const bound = await claim('plain');
    expect(bound.spec.volumeName).toBe('right');
    expect(bound.status).toMatchObject({ accessModes: ['ReadWriteOnce'], capacity: { storage: '2Gi' } });
    expect(bound.metadata.annotations).toMatchObject({
      'pv.kubernetes.io/bind-completed': 'yes',
      'pv.kubernetes.io/bound-by-controller': 'yes',
    });
    const right = await persistent('right');
    expect(right.spec.claimRef).toMatchObject({ kind: 'PersistentVolumeClaim', ...named('plain'), uid: bound.metadata.uid });
    expect(right.status.phase).toBe('Bound');
    expect(right.metadata.annotations).toEqual({ 'pv.kubernetes.io/bound-by-controller': 'yes' });
    await makeClaim('gold', { selector: { matchLabels: { tier: 'gold' } } });
    await makeClaim('raw', { volumeMode: 'Block' });
    await makeClaim('many', { accessModes: ['ReadWriteMany'] });
    await makeClaim('fast', { storageClassName: 'fast' });
    for (const [name, wanted] of Object.entries({ gold: 'large', raw: 'block', many: 'shared', fast: 'classy' })) {
      await claimIs(name, 'Bound');
      expect((await claim(name)).spec.volumeName).toBe(wanted);
    }
    await makeClaim('none');
    await isTold('none', 'FailedBinding: no persistent volumes available for this claim and no storage class is set');
    expect((await claim('none')).status.phase).toBe('Pending');
  });

  test('two claims for one volume: one gets it, the other waits for the next', async () => {
    await makeVolume('first');
    await volumeIs('first', 'Available');
    await Promise.all([makeClaim('a'), makeClaim('b')]);
    const phases = async () => (await Promise.all([claim('a'), claim('b')])).map(({ status }) => status.phase).sort();
    await cluster.until('one of them is bound', async () => (await phases())[0] === 'Bound');
    expect(await phases()).toEqual(['Bound', 'Pending']);
    await makeVolume('second');
    await cluster.until('both are bound', async () => (await phases()).every((phase) => phase === 'Bound'));
    expect(new Set([(await claim('a')).spec.volumeName, (await claim('b')).spec.volumeName])).toEqual(new Set(['first', 'second']));
  });

  test('a volume that is reserved for a claim waits for it, and a claim that asks for a volume gets that or nothing', async () => {
    await makeVolume('reserved', { claimRef: named('late') });
    await makeVolume('tiny', { capacity: { storage: '1Mi' } });
    await volumeIs('reserved', 'Available');
    await volumeIs('tiny', 'Available');
    await makeClaim('early');
    await makeClaim('asks', { volumeName: 'reserved' });
    await isTold('asks', 'FailedBinding: volume "reserved" already bound to a different claim.');
    await makeClaim('big', { volumeName: 'tiny' });
    await isTold('big', 'VolumeMismatch: Cannot bind to requested volume "tiny": requested PV is too small');
    await makeClaim('late');
    await claimIs('late', 'Bound');
    expect((await claim('late')).spec.volumeName).toBe('reserved');
    expect((await persistent('reserved')).metadata.annotations).toBeUndefined();
    expect((await claim('early')).status.phase).toBe('Pending');
  });

  test('a claim whose volume vanishes is lost until that is made again; a volume whose claim vanishes is released, and kept or not as its policy says', async () => {
    await makeVolume('kept');
    await makeVolume('unrecycled', { persistentVolumeReclaimPolicy: 'Recycle', accessModes: ['ReadOnlyMany'] });
    await makeVolume('undeletable', { persistentVolumeReclaimPolicy: 'Delete', accessModes: ['ReadWriteMany'] });
    await makeClaim('a');
    await makeClaim('b', { accessModes: ['ReadOnlyMany'] });
    await makeClaim('c', { accessModes: ['ReadWriteMany'] });
    for (const name of ['a', 'b', 'c']) await claimIs(name, 'Bound');
    for (const name of ['a', 'b', 'c']) await cluster.client.delete(persistentVolumeClaims, named(name));
    await volumeIs('kept', 'Released');
    await volumeIs('unrecycled', 'Failed');
    await volumeIs('undeletable', 'Failed');
    expect((await persistent('undeletable')).status.message).toMatch(/no deletable volume plugin matched/);
    await makeClaim('another');
    await isTold('another', 'FailedBinding');
    await makeVolume('doomed', { storageClassName: 'x' });
    await makeClaim('loser', { storageClassName: 'x' });
    await claimIs('loser', 'Bound');
    await cluster.client.patch(persistentVolumes, { name: 'doomed' }, MERGE, { metadata: { finalizers: null } });
    await cluster.client.delete(persistentVolumes, { name: 'doomed' });
    await claimIs('loser', 'Lost');
    await isTold('loser', 'ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!');
    await makeVolume('doomed', { storageClassName: 'x' });
    await claimIs('loser', 'Bound');
  });

  test('a claim made before there was a default class gets it later', async () => {
    await makeClaim('data');
    await isTold('data', 'no storage class is set');
    await ensureLocalPathClass(cluster.client);
    await cluster.until('it has the class', async () => (await claim('data')).spec.storageClassName === 'local-path');
  });
});

describe('local-path', () => {
  beforeEach(() => ensureLocalPathClass(cluster.client));

  test('a claim waits for its first consumer and gets a folder on its node; deleted, it goes once the node has removed that', async () => {
    await cluster.client.patch(nodes, { name: 'node-2' }, MERGE, { metadata: { annotations: { 'porthole/local-path': '/data/folders' } } });
    await makeClaim('data');
    await isTold('data', 'WaitForFirstConsumer: waiting for first consumer to be created before binding');
    await makePod('user', using('data'), { nodeSelector: { 'kubernetes.io/hostname': 'node-2' } });
    await runs('user');
    const bound = await claim('data');
    expect(bound.metadata.annotations).toMatchObject({
      'volume.kubernetes.io/selected-node': 'node-2',
      'volume.kubernetes.io/storage-provisioner': 'porthole/local-path',
      'pv.kubernetes.io/bind-completed': 'yes',
    });
    const name = `pvc-${bound.metadata.uid}`;
    expect(bound.spec.volumeName).toBe(name);
    const { spec } = await persistent(name);
    expect(spec.local?.path).toBe(`/data/folders/${name}_default_data`);
    expect(spec.nodeAffinity?.required?.nodeSelectorTerms).toEqual([
      { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['node-2'] }] },
    ]);
    await isTold('data', 'ProvisioningSucceeded: Successfully provisioned volume pvc-');
    // Who uses it afterwards goes where it is.
    await makePod('second', using('data'));
    await runs('second');
    expect((await pod('second')).spec.nodeName).toBe('node-2');
    await makePod('elsewhere', using('data'), { nodeSelector: { 'kubernetes.io/hostname': 'node-1' } });
    await isTold('elsewhere', "1 node(s) didn't match PersistentVolume's node affinity");

    await cluster.client.delete(persistentVolumeClaims, named('data'));
    await cluster.pass(5);
    expect((await claim('data')).metadata.deletionTimestamp).toBeDefined();
    for (const user of ['user', 'second', 'elsewhere']) await cluster.client.delete(pods, named(user));
    await cluster.until('the claim is gone', () => isGone(claim('data')));
    await cluster.until('the volume is being deleted', async () => (await persistent(name)).metadata.deletionTimestamp !== undefined);
    await cluster.until('only the node holds it', async () => (await persistent(name)).metadata.finalizers?.length === 1);
    await cluster.pass(30, 'node-2');
    const held = await persistent(name);
    expect(held.metadata.finalizers).toEqual([FINALIZER_LOCAL_PATH]);
    await cluster.client.delete(nodes, { name: 'node-2' });
    await cluster.until('nobody waits for a node that is gone', () => isGone(persistent(name)));
  });

  test('a claim of class Retain keeps its volume', async () => {
    const keeping = {
      metadata: { name: 'keep' },
      provisioner: 'porthole/local-path',
      reclaimPolicy: 'Retain',
      volumeBindingMode: 'WaitForFirstConsumer',
    };
    await cluster.client.create(storageClasses, keeping);
    await makeClaim('data', { storageClassName: 'keep' });
    await makePod('user', using('data'));
    await runs('user');
    const name = (await claim('data')).spec.volumeName!;
    await cluster.client.delete(pods, named('user'));
    await cluster.client.delete(persistentVolumeClaims, named('data'));
    await volumeIs(name, 'Released');
    await cluster.pass(10);
    expect((await persistent(name)).metadata.deletionTimestamp).toBeUndefined();
  });

  test('it grows at once, and says what it cannot be', async () => {
    await makeClaim('data');
    await makePod('user', using('data'));
    await runs('user');
    await cluster.client.patch(persistentVolumeClaims, named('data'), MERGE, { spec: { resources: { requests: { storage: '3Gi' } } } });
    await cluster.until('it has grown', async () => (await claim('data')).status.capacity?.['storage'] === '3Gi');
    const { spec, status } = await claim('data');
    expect((await persistent(spec.volumeName!)).spec.capacity).toEqual({ storage: '3Gi' });
    expect(status.conditions).toBeUndefined();
    await isTold('data', 'VolumeResizeSuccessful');
    await makeClaim('shared', { accessModes: ['ReadWriteMany'] });
    await makePod('sharer', using('shared'));
    await isTold('shared', 'ProvisioningFailed: failed to provision volume with StorageClass "local-path": access mode ReadWriteMany');
  });

  test('an ephemeral volume brings its claim, which goes with the pod', async () => {
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    await makePod('scratch', [{ name: 'tmp', ephemeral: { volumeClaimTemplate: { metadata: { labels: { a: 'b' } }, spec } } }] as never);
    await runs('scratch');
    const { metadata, status } = await claim('scratch-tmp');
    expect(metadata.labels).toEqual({ a: 'b' });
    expect(metadata.ownerReferences).toMatchObject([{ kind: 'Pod', name: 'scratch', controller: true }]);
    expect(status.phase).toBe('Bound');
    await cluster.client.delete(pods, named('scratch'));
    await cluster.until('the claim is gone', () => isGone(claim('scratch-tmp')));
  });
});

test('the scheduler reserves a volume that is on the node, and tells what a pod waits for', async () => {
  const manual = { metadata: { name: 'manual' }, provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' };
  await cluster.client.create(storageClasses, manual);
  const on = (node: string) => ({
    storageClassName: 'manual',
    nodeAffinity: {
      required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }] },
    },
  });
  await makeVolume('disk', on('node-2'));
  await volumeIs('disk', 'Available');
  await makePod('lonely', using('missing'));
  await isTold('lonely', '0/2 nodes are available: persistentvolumeclaim "missing" not found.');
  await makeClaim('data', { storageClassName: 'manual' });
  await makePod('user', using('data'));
  await runs('user');
  expect((await pod('user')).spec.nodeName).toBe('node-2');
  expect((await claim('data')).spec.volumeName).toBe('disk');
  await makeClaim('more', { storageClassName: 'manual' });
  await makePod('hungry', using('more'));
  await isTold('hungry', "2 node(s) didn't find available persistent volumes to bind");
  await makeVolume('disk-2', on('node-1'));
  await runs('hungry');
  await makeClaim('now', { storageClassName: '' });
  await makePod('immediate', using('now'));
  await isTold('immediate', '0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.');
  await makeVolume('plain');
  await runs('immediate');
});
