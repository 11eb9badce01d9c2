// NodeVolumeLimits by a table: each driver's volumes on a node, each counted once, up to what its CSINode allows.
import { expect, test } from 'vitest';
import type { KubeObject } from '../../../../src/apimachinery/object.js';
import type { Pod } from '../../../../src/kinds/types/core_v1.js';
import { pod } from '../../controllers/objects.js';
import { labelled, on, type Verdict, type Verdicts, verdicts } from './lab.js';
import { claim, claiming, stored, using, volume } from './storage.js';

const nodes = [labelled('n1', {}), labelled('n2', {})];
const FULL: Verdict = { Unschedulable: 'node(s) exceed max volume count' };

const csiNode = (name: string, limits: { readonly [driver: string]: number | undefined }) => {
  const drivers = Object.entries(limits).map(([driver, count]) => ({
    name: driver,
    nodeID: name,
    topologyKeys: [],
    ...(count !== undefined && { allocatable: { count } }),
  }));
  return stored('CSINode', name, { spec: { drivers } });
};
/** A claim that is bound to a volume of `driver`. */
const bound = (name: string, driver = 'd') => [
  volume(`v-${name}`, {}, { csi: { driver, volumeHandle: name } }),
  claim(name, { volumeName: `v-${name}` }),
];
const attached = (to: string, claimName: string, driver = 'd') =>
  stored('VolumeAttachment', `${to}-${claimName}`, {
    spec: { attacher: driver, nodeName: to, source: { persistentVolumeName: `v-${claimName}` } },
  });
const provisioner = (name: string, driver: string) =>
  stored('StorageClass', name, { provisioner: driver, volumeBindingMode: 'WaitForFirstConsumer' });

const three = [...bound('a'), ...bound('b'), ...bound('c')];
const TWO = csiNode('n1', { d: 2 });
const full = [on('n1', 'x', claiming('a', 'b'))];

test.each<[string, object, Pod[], KubeObject[], Verdicts]>([
  ['one more than the node takes', claiming('c'), full, [...three, TWO], { n1: FULL }],
  ['as many as it takes', claiming('c'), [on('n1', 'x', claiming('a'))], [...three, TWO], {}],
  ['two at once', claiming('b', 'c'), [on('n1', 'x', claiming('a'))], [...three, TWO], { n1: FULL }],
  ['one that is there already', claiming('a'), full, [...three, TWO], {}],
  ['pods that share one', claiming('c'), [on('n1', 'x', claiming('a')), on('n1', 'y', claiming('a'))], [...three, TWO], {}],
  ['on another node nothing is said', claiming('c'), [on('n2', 'x', claiming('a', 'b'))], [...three, TWO], {}],
  ['a driver that tells no limit', claiming('c'), full, [...three, csiNode('n1', { d: undefined })], {}],
  ['a node of which nothing is known', claiming('c'), full, three, {}],
  ['volumes of another driver', claiming('e'), full, [...three, ...bound('e', 'other'), TWO], {}],
  [
    'each driver has its own limit',
    claiming('e'),
    [on('n1', 'x', claiming('f'))],
    [...bound('e', 'other'), ...bound('f', 'other'), csiNode('n1', { d: 9, other: 1 })],
    { n1: FULL },
  ],
  ['a limit of none at all', claiming('a'), [], [...three, csiNode('n1', { d: 0 })], { n1: FULL }],
  [
    'one that is yet to be made',
    claiming('new'),
    full,
    [...three, claim('new', { storageClassName: 'fast' }), provisioner('fast', 'd'), TWO],
    { n1: FULL },
  ],
  [
    'one that another makes',
    claiming('new'),
    full,
    [...three, claim('new', { storageClassName: 'fast' }), provisioner('fast', 'other'), TWO],
    {},
  ],
  [
    'those that are to be made of others, too',
    claiming('c'),
    [on('n1', 'x', claiming('a', 'new'))],
    [...three, claim('new', { storageClassName: 'fast' }), provisioner('fast', 'd'), TWO],
    { n1: FULL },
  ],
  [
    'the pod’s own, made for it',
    using({ ephemeral: { volumeClaimTemplate: { spec: {} } } }),
    full,
    [...three, claim('p-v0', { storageClassName: 'fast' }), provisioner('fast', 'd'), TWO],
    { n1: FULL },
  ],
  [
    'volumes that are no driver’s',
    claiming('plain'),
    full,
    [...three, volume('v-plain', {}, { hostPath: { path: '/x' } }), claim('plain', { volumeName: 'v-plain' }), TWO],
    {},
  ],
  ['a pod without claims', using({ emptyDir: {} }), full, [...three, TWO], {}],
  [
    'one that is attached and that no pod there has any more',
    claiming('c'),
    [on('n1', 'x', claiming('a'))],
    [...three, TWO, attached('n1', 'b')],
    { n1: FULL },
  ],
  [
    'one that is attached and that a pod there has',
    claiming('c'),
    [on('n1', 'x', claiming('a'))],
    [...three, TWO, attached('n1', 'a')],
    {},
  ],
  ['one that is attached elsewhere', claiming('c'), [on('n1', 'x', claiming('a'))], [...three, TWO, attached('n2', 'b')], {}],
  [
    'one that is attached already, which is asked for',
    claiming('b'),
    [on('n1', 'x', claiming('a'))],
    [...three, TWO, attached('n1', 'b')],
    {},
  ],
])('%s', (_, spec, pods, storage, expected) => {
  expect(verdicts('NodeVolumeLimits', pod('p', { spec }), nodes, { pods, storage })).toEqual(expected);
});
