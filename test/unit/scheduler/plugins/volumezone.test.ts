// VolumeZone by tables: the zones and regions of a pod's volumes, and which nodes are in them.
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../../src/apimachinery/object.js';
import { pod } from '../../controllers/objects.js';
import { labelled, type Verdict, type Verdicts, verdicts, ZONE } from './lab.js';
import { claim, claiming, stored, volume } from './storage.js';

const REGION = 'topology.kubernetes.io/region';
const nodes = [labelled('n1', { [ZONE]: 'a', [REGION]: 'x' }), labelled('n2', { [ZONE]: 'b', [REGION]: 'x' }), labelled('n3', {})];
const WRONG: Verdict = { UnschedulableAndUnresolvable: 'node(s) had no available volume zone' };
const told = (storage: readonly KubeObject[]) => verdicts('VolumeZone', pod('p', { spec: claiming('c') }), nodes, { storage });

describe('a volume', () => {
  // A node outside all zones takes any.
  test.each<[string, object, Verdicts]>([
    ['of one zone', { [ZONE]: 'a' }, { n2: WRONG }],
    ['of several', { [ZONE]: 'a__b' }, {}],
    ['of several others', { [ZONE]: 'b__c' }, { n1: WRONG }],
    ['by the label’s former name', { 'failure-domain.beta.kubernetes.io/zone': 'b' }, { n1: WRONG }],
    ['of the region', { [REGION]: 'x' }, {}],
    ['of another region', { [REGION]: 'y' }, { n1: WRONG, n2: WRONG }],
    ['of the region and one of its zones', { [REGION]: 'x', [ZONE]: 'b' }, { n1: WRONG }],
    ['of none', {}, {}],
  ])('%s', (_, labels, expected) => {
    expect(told([claim('c', { volumeName: 'v' }), volume('v', labels)])).toEqual(expected);
  });

  test('two volumes of two zones are nowhere together', () => {
    const storage = [
      claim('c', { volumeName: 'v' }),
      claim('d', { volumeName: 'w' }),
      volume('v', { [ZONE]: 'a' }),
      volume('w', { [ZONE]: 'b' }),
    ];
    expect(verdicts('VolumeZone', pod('p', { spec: claiming('c', 'd') }), nodes, { storage })).toEqual({ n1: WRONG, n2: WRONG });
  });
});

describe('whatever the node', () => {
  const waiting = stored('StorageClass', 'local', { provisioner: 'x', volumeBindingMode: 'WaitForFirstConsumer' });
  const atOnce = stored('StorageClass', 'local', { provisioner: 'x', volumeBindingMode: 'Immediate' });
  const ofClass = claim('c', { storageClassName: 'local' });
  test.each<[string, KubeObject[], string | undefined]>([
    ['no such claim', [], 'persistentvolumeclaim "c" not found'],
    ['no such volume', [claim('c', { volumeName: 'v' })], 'persistentvolume "v" not found'],
    ['a claim that waits for its first consumer is no hindrance', [ofClass, waiting], undefined],
    ['one that is to be bound at once, and is not', [ofClass, atOnce], 'PersistentVolume had no name'],
    ['of a class that is not there', [ofClass], 'storageclass.storage.k8s.io "local" not found'],
    ['of no class', [claim('c', {})], 'PersistentVolumeClaim had no pv name and storageClass name'],
  ])('%s', (_, storage, why) => {
    expect(told(storage)).toEqual(why === undefined ? {} : { '*': { UnschedulableAndUnresolvable: why } });
  });

  test('a pod without claims is none of its business', () => {
    expect(verdicts('VolumeZone', pod('p', { spec: { volumes: [{ name: 'v', emptyDir: {} }] } }), nodes)).toEqual({});
  });
});
