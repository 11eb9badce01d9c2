// By tables: NodeUnschedulable, NodeName, TaintToleration and NodePorts, each asked alone.
import { describe, expect, test } from 'vitest';
import { node, pod } from '../../controllers/objects.js';
import { on, refusals, scores } from './lab.js';

type Refused = { readonly [node: string]: string };

describe('NodeUnschedulable', () => {
  const nodes = [node('open'), node('closed', { spec: { unschedulable: true } })];
  const WHY = { closed: 'node(s) were unschedulable' };
  const KEY = 'node.kubernetes.io/unschedulable';
  test.each<[string, object[], Refused]>([
    ['a pod that tolerates nothing', [], WHY],
    ['the taint of cordoned nodes tolerated', [{ key: KEY, operator: 'Exists' }], {}],
    ['only its effect NoSchedule', [{ key: KEY, operator: 'Exists', effect: 'NoSchedule' }], {}],
    ['only its effect NoExecute', [{ key: KEY, operator: 'Exists', effect: 'NoExecute' }], WHY],
    ['by its value, which is empty', [{ key: KEY, operator: 'Equal', value: '' }], {}],
    ['by another value', [{ key: KEY, operator: 'Equal', value: 'true' }], WHY],
    ['everything tolerated', [{ operator: 'Exists' }], {}],
    ['another taint tolerated', [{ key: 'dedicated', operator: 'Exists' }], WHY],
  ])('%s', (_, tolerations, refused) => {
    expect(refusals('NodeUnschedulable', pod('p', { spec: { tolerations } }), nodes)).toEqual(refused);
  });
});

test.each<[string, object, Refused]>([
  ['the one that is named', { nodeName: 'n1' }, { n2: "node(s) didn't match the requested node name" }],
  [
    'one that is not there',
    { nodeName: 'n9' },
    { n1: "node(s) didn't match the requested node name", n2: "node(s) didn't match the requested node name" },
  ],
  ['none', {}, {}],
])('NodeName: %s', (_, spec, refused) => {
  expect(refusals('NodeName', pod('p', { spec }), [node('n1'), node('n2')])).toEqual(refused);
});

describe('TaintToleration', () => {
  const WHY = 'node(s) had untolerated taint(s)';
  const taint = { key: 'dedicated', value: 'db', effect: 'NoSchedule' };
  test.each<[string, object[], object[], boolean]>([
    ['no taint', [], [], true],
    ['a taint that nobody spoke of', [taint], [], false],
    ['the same key and value', [taint], [{ key: 'dedicated', operator: 'Equal', value: 'db', effect: 'NoSchedule' }], true],
    ['Equal is what goes without saying', [taint], [{ key: 'dedicated', value: 'db' }], true],
    ['another value', [taint], [{ key: 'dedicated', value: 'web' }], false],
    ['whatever the value', [taint], [{ key: 'dedicated', operator: 'Exists' }], true],
    ['another effect', [taint], [{ key: 'dedicated', operator: 'Exists', effect: 'NoExecute' }], false],
    ['whatever the key', [taint], [{ operator: 'Exists', effect: 'NoSchedule' }], true],
    ['one of two', [taint, { key: 'gpu', effect: 'NoSchedule' }], [{ key: 'dedicated', operator: 'Exists' }], false],
    ['NoExecute keeps off, too', [{ ...taint, effect: 'NoExecute' }], [], false],
    ['tolerated for a while only', [{ ...taint, effect: 'NoExecute' }], [{ operator: 'Exists', tolerationSeconds: 5 }], true],
    ['PreferNoSchedule keeps nobody off', [{ ...taint, effect: 'PreferNoSchedule' }], [], true],
  ])('%s', (_, taints, tolerations, fits) => {
    const told = refusals('TaintToleration', pod('p', { spec: { tolerations } }), [node('n1', { spec: { taints } })]);
    expect(told).toEqual(fits ? {} : { n1: WHY });
  });

  // Of a node's taints that are only wishes, those that are not tolerated, against the most that any node has.
  const wishes = (name: string, ...keys: string[]) =>
    node(name, { spec: { taints: keys.map((key) => ({ key, effect: 'PreferNoSchedule' })) } });
  const nodes = [wishes('n1', 'a', 'b'), wishes('n2', 'a'), wishes('n3')];
  test.each<[string, object[], readonly number[]]>([
    ['none tolerated', [], [0, 50, 100]],
    ['one, whatever the effect', [{ key: 'a', operator: 'Exists' }], [0, 100, 100]],
    ['one, of that effect', [{ key: 'a', operator: 'Exists', effect: 'PreferNoSchedule' }], [0, 100, 100]],
    ['one, of another effect', [{ key: 'a', operator: 'Exists', effect: 'NoSchedule' }], [0, 50, 100]],
    ['all', [{ operator: 'Exists' }], [100, 100, 100]],
  ])('scores: %s', (_, tolerations, expected) => {
    expect(scores('TaintToleration', pod('p', { spec: { tolerations } }), nodes)).toEqual(expected);
  });
});

describe('NodePorts', () => {
  const WHY = "node(s) didn't have free ports for the requested pod ports";
  const port = (hostPort: number, more: object = {}) => ({
    containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort, ...more }] }],
  });
  const sidecar = { containers: [], initContainers: [{ name: 's', restartPolicy: 'Always', ports: [{ containerPort: 1, hostPort: 80 }] }] };
  const initial = { containers: [], initContainers: [{ name: 'i', ports: [{ containerPort: 1, hostPort: 80 }] }] };
  test.each<[string, object, object, boolean]>([
    ['another port', port(80), port(81), true],
    ['the same port', port(80), port(80), false],
    ['the same number of another protocol', port(80), port(80, { protocol: 'UDP' }), true],
    ['TCP is what goes without saying', port(80, { protocol: 'TCP' }), port(80), false],
    ['at another address', port(80, { hostIP: '10.0.0.1' }), port(80, { hostIP: '10.0.0.2' }), true],
    ['at one where the other has all', port(80, { hostIP: '10.0.0.1' }), port(80, { hostIP: '0.0.0.0' }), false],
    ['at all where the other has one', port(80), port(80, { hostIP: '10.0.0.1' }), false],
    ['one of several', port(80), { containers: [...port(81).containers, ...port(80).containers] }, false],
    ['of a container beside the others', sidecar, port(80), false],
    ['of one that is over before they start', initial, port(80), true],
    ['ports of the pod, not of the node', { containers: [{ name: 'c', ports: [{ containerPort: 80 }] }] }, port(80), true],
  ])('%s', (_, wanted, there, fits) => {
    const told = refusals('NodePorts', pod('p', { spec: wanted }), [node('n1'), node('n2')], { pods: [on('n1', 'x', there)] });
    expect(told).toEqual(fits ? {} : { n1: WHY });
  });
});
