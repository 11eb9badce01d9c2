// Which events bring a pod back that a plugin refused: such as can help it, and no others.
import { describe, expect, test } from 'vitest';
import type { Node, Pod } from '../../../src/kinds/types/core_v1.js';
import type { ClusterEvent, ClusterEventHint } from '../../../src/scheduler/define.js';
import {
  interPodAffinityHints,
  nodeAffinityHints,
  nodeNameHints,
  nodePortsHints,
  nodeResourcesFitHints,
  nodeUnschedulableHints,
  podTopologySpreadHints,
  taintTolerationHints,
  volumeBindingHints,
} from '../../../src/scheduler/event-hints.js';
import { node, pod } from '../controllers/objects.js';

type Case = readonly [
  what: string,
  helps: boolean,
  waiting: Pod,
  event: ClusterEvent,
  old: Node | Pod | undefined,
  now: Node | Pod | undefined,
];

const helps = (hints: readonly ClusterEventHint[], waiting: Pod, event: ClusterEvent, old?: Node | Pod, now?: Node | Pod) =>
  hints.some((hint) => hint.event === event && hint.hint?.(waiting, old, now) !== 'skip');

function table(name: string, hints: readonly ClusterEventHint[], cases: readonly Case[]): void {
  describe(name, () => {
    test.each(cases)('%s', (_, expected, waiting, event, old, now) => {
      expect(helps(hints, waiting, event, old, now)).toBe(expected);
    });
  });
}

const plain = pod('p');
const asking = (cpu: string, name = 'p') => pod(name, { spec: { containers: [{ name: 'c', resources: { requests: { cpu } } }] } });
const having = (cpu: string, pods = '110') => node('n', { status: { allocatable: { cpu, memory: '8Gi', pods } } });
const labelled = (name: string, app: string, namespace = 'default') => pod(name, { metadata: { namespace, labels: { app } } });
const taint = { key: 'k', value: 'v', effect: 'NoSchedule' };
const tainted = node('n', { spec: { taints: [taint] } });
const tolerating = pod('p', { spec: { tolerations: [{ key: 'k', operator: 'Exists' }] } });
const affine = (kind: 'podAffinity' | 'podAntiAffinity', app: string, more: object = {}) =>
  pod('p', {
    metadata: { labels: { app: 'own' } },
    spec: {
      affinity: {
        [kind]: {
          requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', labelSelector: { matchLabels: { app } }, ...more }],
        },
      },
    },
  } as never);

table('NodeResourcesFit', nodeResourcesFitHints, [
  ['a node that is large enough', true, asking('2'), 'NodeAdd', undefined, having('4')],
  ['a node that is too small even empty', false, asking('2'), 'NodeAdd', undefined, having('1')],
  ['a node that has grown', true, asking('2'), 'NodeUpdate', having('1'), having('2')],
  ['a node that has grown in what it does not ask for', false, pod('p'), 'NodeUpdate', having('1'), having('2')],
  ['a node that takes more pods', true, pod('p'), 'NodeUpdate', having('1', '1'), having('1', '2')],
  ['a node that has shrunk', false, asking('1'), 'NodeUpdate', having('4'), having('2')],
  ['a pod that is gone', true, asking('1'), 'AssignedPodDelete', plain, undefined],
  ['a pod that asks for less', true, asking('1'), 'AssignedPodUpdate', asking('3', 'o'), asking('1', 'o')],
  ['a pod with other labels', false, asking('1'), 'AssignedPodUpdate', asking('3', 'o'), asking('3', 'o')],
  ['a pod that has come', false, asking('1'), 'AssignedPodAdd', undefined, plain],
]);

table('TaintToleration', taintTolerationHints, [
  ['a node without taints', true, plain, 'NodeAdd', undefined, node('n')],
  ['a node with a taint', false, plain, 'NodeAdd', undefined, tainted],
  ['a node with a taint that it tolerates', true, tolerating, 'NodeAdd', undefined, tainted],
  ['a taint that is gone', true, plain, 'NodeUpdate', tainted, node('n')],
  ['a node that had no taint before', false, plain, 'NodeUpdate', node('n'), node('n')],
  ['a pod that is gone', false, plain, 'AssignedPodDelete', plain, undefined],
]);

table('NodeUnschedulable', nodeUnschedulableHints, [
  ['a node that is open again', true, plain, 'NodeUpdate', node('n', { spec: { unschedulable: true } }), node('n')],
  ['a node that comes closed', false, plain, 'NodeAdd', undefined, node('n', { spec: { unschedulable: true } })],
]);

const selecting = pod('p', { spec: { nodeSelector: { disk: 'ssd' } } });
const ssd = node('n', { metadata: { labels: { disk: 'ssd' } } });
table('NodeAffinity', nodeAffinityHints, [
  ['a node with the label', true, selecting, 'NodeAdd', undefined, ssd],
  ['a node without it', false, selecting, 'NodeAdd', undefined, node('n')],
  ['a node that has got the label', true, selecting, 'NodeUpdate', node('n'), ssd],
  ['a node that has had it', false, selecting, 'NodeUpdate', ssd, ssd],
]);

table('NodeName', nodeNameHints, [
  ['the node that it names', true, pod('p', { spec: { nodeName: 'n' } }), 'NodeAdd', undefined, node('n')],
  ['another', false, pod('p', { spec: { nodeName: 'n' } }), 'NodeAdd', undefined, node('m')],
]);

const onPort = (hostPort: number, name = 'p') =>
  pod(name, { spec: { containers: [{ name: 'c', ports: [{ containerPort: 1, hostPort }] }] } });
table('NodePorts', nodePortsHints, [
  ['a pod that had the port', true, onPort(80), 'AssignedPodDelete', onPort(80, 'o'), undefined],
  ['a pod that had another', false, onPort(80), 'AssignedPodDelete', onPort(81, 'o'), undefined],
]);

table('InterPodAffinity', interPodAffinityHints, [
  ['a pod that it wants to be with', true, affine('podAffinity', 'db'), 'AssignedPodAdd', undefined, labelled('o', 'db')],
  ['another pod', false, affine('podAffinity', 'db'), 'AssignedPodAdd', undefined, labelled('o', 'web')],
  ['one like it in another namespace', false, affine('podAffinity', 'db'), 'AssignedPodAdd', undefined, labelled('o', 'db', 'other')],
  ['a pod that was in the way is gone', true, affine('podAntiAffinity', 'db'), 'AssignedPodDelete', labelled('o', 'db'), undefined],
  ['a pod that kept it off is gone', true, labelled('p', 'db'), 'AssignedPodDelete', affine('podAntiAffinity', 'db'), undefined],
  [
    'a pod that has nothing to do with it is gone',
    false,
    affine('podAntiAffinity', 'db'),
    'AssignedPodDelete',
    labelled('o', 'x'),
    undefined,
  ],
  ['a pod that becomes what it wants', true, affine('podAffinity', 'db'), 'AssignedPodUpdate', labelled('o', 'x'), labelled('o', 'db')],
  [
    'any pod where the labels of namespaces decide',
    true,
    affine('podAffinity', 'db', { namespaceSelector: { matchLabels: { team: 'a' } } }),
    'AssignedPodAdd',
    undefined,
    labelled('o', 'x', 'other'),
  ],
]);

table('PodTopologySpread', podTopologySpreadHints, [
  ['a pod of its namespace', true, plain, 'AssignedPodAdd', undefined, pod('o')],
  ['a pod of another', false, plain, 'AssignedPodAdd', undefined, pod('o', { metadata: { namespace: 'other' } })],
  ['a node that goes', true, plain, 'NodeDelete', node('n'), undefined],
]);

const claiming = pod('p', { spec: { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] } });
const claim = (name: string) => ({ kind: 'PersistentVolumeClaim', metadata: { namespace: 'default', name } }) as never;
table('VolumeBinding', volumeBindingHints, [
  ['its claim', true, claiming, 'StorageChange', undefined, claim('data')],
  ["another's", false, claiming, 'StorageChange', undefined, claim('other')],
  ['a volume', true, claiming, 'StorageChange', undefined, { kind: 'PersistentVolume', metadata: { name: 'v' } } as never],
]);
