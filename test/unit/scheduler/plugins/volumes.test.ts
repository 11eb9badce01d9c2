// VolumeRestrictions, VolumeZone and NodeVolumeLimits: disks that cannot be shared, zones of volumes, and how many a node takes.
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../../src/apimachinery/object.js';
import { pod } from '../../controllers/objects.js';
import { labelled, on, refusals, ZONE } from './lab.js';

const nodes = [labelled('n1', { [ZONE]: 'a' }), labelled('n2', { [ZONE]: 'b' })];
const object = (kind: string, name: string, rest: object): KubeObject =>
  ({ apiVersion: 'v1', kind, metadata: { name, uid: name, ...(rest as { metadata?: object }).metadata }, ...omitMetadata(rest) }) as never;
const omitMetadata = (rest: object) => Object.fromEntries(Object.entries(rest).filter(([key]) => key !== 'metadata'));
const claim = (name: string, spec: object) => object('PersistentVolumeClaim', name, { spec, status: {} });
const volume = (name: string, labels: object, spec: object = {}) => object('PersistentVolume', name, { metadata: { labels }, spec });
const using = (...volumes: object[]) => ({ volumes: volumes.map((each, i) => ({ name: `v${i}`, ...each })) });
const claiming = (...names: string[]) => using(...names.map((claimName) => ({ persistentVolumeClaim: { claimName } })));

describe('VolumeRestrictions', () => {
  const rbd = (monitors: string[], readOnly = false) => ({ rbd: { monitors, pool: 'p', image: 'i', readOnly } });
  test.each<[string, object, object, boolean]>([
    ['the same GCE disk', { gcePersistentDisk: { pdName: 'd' } }, { gcePersistentDisk: { pdName: 'd' } }, true],
    [
      'both only read it',
      { gcePersistentDisk: { pdName: 'd', readOnly: true } },
      { gcePersistentDisk: { pdName: 'd', readOnly: true } },
      false,
    ],
    ['another GCE disk', { gcePersistentDisk: { pdName: 'd' } }, { gcePersistentDisk: { pdName: 'e' } }, false],
    [
      'the same EBS volume, even to read',
      { awsElasticBlockStore: { volumeID: 'v', readOnly: true } },
      { awsElasticBlockStore: { volumeID: 'v', readOnly: true } },
      true,
    ],
    ['the same iSCSI target', { iscsi: { iqn: 'q' } }, { iscsi: { iqn: 'q', readOnly: true } }, true],
    ['an RBD image with a monitor in common', rbd(['a', 'b']), rbd(['b', 'c']), true],
    ['an RBD image of other monitors', rbd(['a']), rbd(['c']), false],
    ['kinds that differ', { iscsi: { iqn: 'q' } }, { gcePersistentDisk: { pdName: 'q' } }, false],
  ])('%s', (_, wanted, there, conflict) => {
    const told = refusals('VolumeRestrictions', pod('p', { spec: using(wanted) }), nodes, { pods: [on('n1', 'x', using(there))] });
    expect(told).toEqual(conflict ? { n1: 'node(s) had no available disk' } : {});
  });

  test('a ReadWriteOncePod claim is one pod’s, wherever that is', () => {
    const storage = [claim('one', { accessModes: ['ReadWriteOncePod'] }), claim('many', { accessModes: ['ReadWriteOnce'] })];
    const pods = [on('n1', 'x', claiming('one', 'many'))];
    const why = 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode';
    expect(refusals('VolumeRestrictions', pod('p', { spec: claiming('one') }), nodes, { pods, storage })).toEqual({ n1: why, n2: why });
    expect(refusals('VolumeRestrictions', pod('p', { spec: claiming('many') }), nodes, { pods, storage })).toEqual({});
  });
});

describe('VolumeZone', () => {
  const WHY = 'node(s) had no available volume zone';
  test.each<[string, object, { [node: string]: string }]>([
    ['one zone', { [ZONE]: 'a' }, { n2: WHY }],
    ['several', { [ZONE]: 'a__b' }, {}],
    ['the label’s former name', { 'failure-domain.beta.kubernetes.io/zone': 'b' }, { n1: WHY }],
    ['none', {}, {}],
  ])('%s', (_, labels, expected) => {
    const storage = [claim('c', { volumeName: 'v' }), volume('v', labels)];
    expect(refusals('VolumeZone', pod('p', { spec: claiming('c') }), [...nodes, labelled('n3', {})], { storage })).toEqual(expected);
  });

  test('a claim that is not bound: of a class that waits for its consumer it is no hindrance', () => {
    const spec = { storageClassName: 'local' };
    const waiting = object('StorageClass', 'local', { provisioner: 'x', volumeBindingMode: 'WaitForFirstConsumer' });
    const what = pod('p', { spec: claiming('c') });
    expect(refusals('VolumeZone', what, nodes, { storage: [claim('c', spec), waiting] })).toEqual({});
    expect(refusals('VolumeZone', what, nodes, { storage: [claim('c', spec)] })).toEqual({ '*': 'PersistentVolume had no name' });
    expect(refusals('VolumeZone', what, nodes, { storage: [claim('c', {})] })).toEqual({
      '*': 'PersistentVolumeClaim had no pv name and storageClass name',
    });
  });
});

test('NodeVolumeLimits: each driver’s volumes on a node, each counted once, up to what its CSINode allows', () => {
  const csi = (name: string) => volume(name, {}, { csi: { driver: 'd', volumeHandle: name } });
  const storage = [
    ...['v1', 'v2', 'v3'].flatMap((name) => [csi(name), claim(`c-${name}`, { volumeName: name })]),
    object('CSINode', 'n1', { spec: { drivers: [{ name: 'd', nodeID: 'n1', topologyKeys: [], allocatable: { count: 2 } }] } }),
  ];
  const pods = ['n1', 'n2'].map((at) => on(at, `x-${at}`, claiming('c-v1', 'c-v2')));
  const asked = (...claims: string[]) => refusals('NodeVolumeLimits', pod('p', { spec: claiming(...claims) }), nodes, { pods, storage });
  expect(asked('c-v3')).toEqual({ n1: 'node(s) exceed max volume count' });
  expect(asked('c-v1')).toEqual({});
});
