// VolumeBinding by tables: where the claims of a pod let it go.
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../../src/apimachinery/object.js';
import { pod } from '../../controllers/objects.js';
import { labelled, refusals, ZONE } from './lab.js';

const nodes = [labelled('n1', { [ZONE]: 'a' }), labelled('n2', { [ZONE]: 'b' })];
const BOUND = { 'pv.kubernetes.io/bind-completed': 'yes' };
const NO_VOLUME = "node(s) didn't find available persistent volumes to bind";

const made = (kind: string, name: string, metadata: object, rest: object): KubeObject =>
  ({ apiVersion: 'v1', kind, metadata: { name, uid: name, ...metadata }, ...rest }) as never;
const claim = (spec: object, metadata: object = {}, status: object = {}) =>
  made('PersistentVolumeClaim', 'c', { namespace: 'default', ...metadata }, { spec: { accessModes: ['ReadWriteOnce'], ...spec }, status });
const volume = (name: string, spec: object = {}, phase = 'Available') =>
  made(
    'PersistentVolume',
    name,
    {},
    { spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], ...spec }, status: { phase } },
  );
const storageClass = (name: string, more: object = {}) =>
  made('StorageClass', name, {}, { provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer', ...more });
const inZone = (zone: string) => ({
  nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: ZONE, operator: 'In', values: [zone] }] }] } },
});
const asking = (storage: string) => ({ resources: { requests: { storage } } });
const claiming = pod('p', { spec: { containers: [], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] } });

describe('whatever the node', () => {
  test.each<[string, KubeObject[], string]>([
    ['no such claim', [], 'persistentvolumeclaim "c" not found'],
    ['one that is going', [claim({}, { deletionTimestamp: '2026-01-01T00:00:00Z' })], 'persistentvolumeclaim "c" is being deleted'],
    [
      'one whose volume is lost',
      [claim({ volumeName: 'v' }, { annotations: BOUND }, { phase: 'Lost' })],
      'persistentvolumeclaim "c" bound to non-existent persistentvolume "v"',
    ],
    ['one that is to be bound at once, and is not', [claim({})], 'pod has unbound immediate PersistentVolumeClaims'],
    [
      'of a class that binds at once',
      [claim({ storageClassName: 'fast' }), storageClass('fast', { volumeBindingMode: 'Immediate' })],
      'pod has unbound immediate PersistentVolumeClaims',
    ],
    ['half bound', [claim({ volumeName: 'v' }), volume('v')], 'pod has unbound immediate PersistentVolumeClaims'],
  ])('%s', (_, storage, why) => {
    expect(refusals('VolumeBinding', claiming, nodes, { storage })).toEqual({ '*': why });
  });

  test('a claim of the pod itself that is not there yet, or is another’s', () => {
    const spec = { containers: [], volumes: [{ name: 'scratch', ephemeral: { volumeClaimTemplate: { spec: {} } } }] };
    expect(refusals('VolumeBinding', pod('p', { spec }), nodes)).toEqual({
      '*': 'waiting for ephemeral volume controller to create the persistentvolumeclaim "p-scratch"',
    });
    const others = claim({}, { name: 'p-scratch' });
    expect(refusals('VolumeBinding', pod('p', { spec }), nodes, { storage: [others] })).toEqual({
      '*': 'PVC default/p-scratch was not created for pod default/p (pod is not owner)',
    });
  });

  test('a pod without claims is none of its business', () => {
    const spec = { containers: [], volumes: [{ name: 'v', emptyDir: {} }] };
    expect(refusals('VolumeBinding', pod('p', { spec }), nodes)).toEqual({});
  });
});

describe('a claim that is bound', () => {
  const bound = claim({ volumeName: 'v' }, { annotations: BOUND });
  test.each<[string, KubeObject[], { [node: string]: string }]>([
    ['to a volume that is everywhere', [volume('v')], {}],
    ['to one of a zone', [volume('v', inZone('a'))], { n2: "node(s) didn't match PersistentVolume's node affinity" }],
    [
      'to one that is not there',
      [],
      Object.fromEntries(
        nodes.map(({ metadata }) => [metadata.name, 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)']),
      ),
    ],
  ])('%s', (_, storage, refused) => {
    expect(refusals('VolumeBinding', claiming, nodes, { storage: [bound, ...storage] })).toEqual(refused);
  });
});

describe('a claim that waits for its first consumer', () => {
  const NOWHERE = { n1: NO_VOLUME, n2: NO_VOLUME };
  const local = storageClass('local');
  const ofLocal = { storageClassName: 'local' };
  const provisioned = (more: object = {}) => storageClass('local', { provisioner: 'example.com/disk', ...more });
  const topologies = (...values: string[]) => ({ allowedTopologies: [{ matchLabelExpressions: [{ key: ZONE, values }] }] });
  test.each<[string, object, KubeObject[], { [node: string]: string }]>([
    ['a free volume of one zone', {}, [local, volume('v', { ...ofLocal, ...inZone('b') })], { n1: NO_VOLUME }],
    ['one that is too small', asking('2Gi'), [local, volume('v', ofLocal)], NOWHERE],
    ['one of another class', {}, [local, volume('v')], NOWHERE],
    ['one with another mode of access', { accessModes: ['ReadWriteMany'] }, [local, volume('v', ofLocal)], NOWHERE],
    ['one of blocks', {}, [local, volume('v', { ...ofLocal, volumeMode: 'Block' })], NOWHERE],
    ['one that its selector does not mean', { selector: { matchLabels: { disk: 'ssd' } } }, [local, volume('v', ofLocal)], NOWHERE],
    ['one that is another’s', {}, [local, volume('v', { ...ofLocal, claimRef: { namespace: 'x', name: 'c', uid: 'x' } })], NOWHERE],
    ['one that was released', {}, [local, volume('v', ofLocal, 'Released')], NOWHERE],
    ['one that is kept for it', {}, [local, volume('v', { ...ofLocal, claimRef: { namespace: 'default', name: 'c' } })], {}],
    ['none, and nobody makes any', {}, [local], NOWHERE],
    ['none, and a provisioner', {}, [provisioned()], {}],
    ['a provisioner for one zone', {}, [provisioned(topologies('a'))], { n2: NO_VOLUME }],
    ['a provisioner for both', {}, [provisioned(topologies('a', 'b'))], {}],
    [
      'a provisioner, and a volume that is there already',
      {},
      [provisioned(topologies('a')), volume('v', { ...ofLocal, ...inZone('b') })],
      {},
    ],
  ])('%s', (_, spec, storage, refused) => {
    expect(refusals('VolumeBinding', claiming, nodes, { storage: [claim({ ...ofLocal, ...spec }), ...storage] })).toEqual(refused);
  });

  test('once a node was chosen for its volume it is that one', () => {
    const selected = claim(ofLocal, { annotations: { 'volume.kubernetes.io/selected-node': 'n2' } });
    expect(refusals('VolumeBinding', claiming, nodes, { storage: [selected, provisioned()] })).toEqual({ n1: NO_VOLUME });
  });

  test('two claims need two volumes', () => {
    const two = pod('p', {
      spec: { containers: [], volumes: ['c', 'd'].map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })) },
    });
    const claims = [claim(ofLocal), claim(ofLocal, { name: 'd', uid: 'd' })];
    const given = (...volumes: KubeObject[]) => refusals('VolumeBinding', two, nodes, { storage: [...claims, local, ...volumes] });
    expect(given(volume('v1', ofLocal))).toEqual(NOWHERE);
    expect(given(volume('v1', ofLocal), volume('v2', { ...ofLocal, ...inZone('a') }))).toEqual({ n2: NO_VOLUME });
  });
});
