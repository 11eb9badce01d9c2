// PodTopologySpread by tables: what a constraint counts and allows, the cluster's defaults, and scores; what must hold is also compared with a plain reading elsewhere.
import { describe, expect, test } from 'vitest';
import type { Json } from '../../../../src/apimachinery/json.js';
import type { OwnerReference } from '../../../../src/apimachinery/types/meta_v1.js';
import type { Node, Pod, Service } from '../../../../src/kinds/types/core_v1.js';
import { node, pod, service } from '../../controllers/objects.js';
import { HOST, labelled, on, scores, type Verdict, type Verdicts, verdicts, ZONE } from './lab.js';

const [n1, n2, n3] = [labelled('n1', { [ZONE]: 'a' }), labelled('n2', { [ZONE]: 'a' }), labelled('n3', { [ZONE]: 'b' })];
const nodes = [n1, n2, n3];
const unzoned = labelled('n4', {});
const constraint = (topologyKey: string, more: object = {}) => ({
  maxSkew: 1,
  topologyKey,
  whenUnsatisfiable: 'DoNotSchedule',
  labelSelector: { matchLabels: { app: 'web' } },
  ...more,
});
const soft = (topologyKey: string, more: object = {}) => constraint(topologyKey, { whenUnsatisfiable: 'ScheduleAnyway', ...more });
const spreading = (constraints: object[], spec: object = {}, labels: object = {}) =>
  pod('p', { metadata: { labels: { app: 'web', ...labels } }, spec: { topologySpreadConstraints: constraints, ...spec } });
const web = (at: string, labels: object = {}) => on(at, `web-${at}`, {}, { app: 'web', ...labels });

const UNEVEN: Verdict = { Unschedulable: "node(s) didn't match pod topology spread constraints" };
const NO_LABEL: Verdict = {
  UnschedulableAndUnresolvable: "node(s) didn't match pod topology spread constraints (missing required label)",
};
const IN_A = { n1: UNEVEN, n2: UNEVEN };
const NOWHERE = { ...IN_A, n3: UNEVEN };

describe('what must hold', () => {
  const going = { ...web('n1'), metadata: { ...web('n1').metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } } as Pod;
  const elsewhere = pod('y', { metadata: { namespace: 'other', labels: { app: 'web' } }, spec: { nodeName: 'n1' } });
  test.each<[string, object[], Pod[], Verdicts]>([
    ['nobody is there', [constraint(ZONE)], [], {}],
    ['one more than in the other zone', [constraint(ZONE)], [web('n1')], IN_A],
    ['as many as in the other zone', [constraint(ZONE)], [web('n1'), web('n3')], {}],
    ['two more are allowed', [constraint(ZONE, { maxSkew: 2 })], [web('n1')], {}],
    ['and no third', [constraint(ZONE, { maxSkew: 2 })], [web('n1'), web('n2')], IN_A],
    ['by host', [constraint(HOST)], [web('n1'), web('n3')], { n1: UNEVEN, n3: UNEVEN }],
    ['both at once', [constraint(ZONE), constraint(HOST)], [web('n1'), web('n3')], { n1: UNEVEN, n3: UNEVEN }],
    ['pods of another sort do not count', [constraint(ZONE)], [on('n1', 'x', {}, { app: 'db' })], {}],
    ['pods that are going do not', [constraint(ZONE)], [going], {}],
    ['those of another namespace do not', [constraint(ZONE)], [elsewhere], {}],
    [
      'the pod itself is of another sort',
      [constraint(ZONE, { labelSelector: { matchLabels: { app: 'db' } } })],
      [on('n1', 'x', {}, { app: 'db' })],
      {},
    ],
    [
      'by expressions',
      [constraint(ZONE, { labelSelector: { matchExpressions: [{ key: 'app', operator: 'Exists' }] } })],
      [on('n1', 'x', {}, { app: 'db' })],
      IN_A,
    ],
    ['without a selector nobody is meant', [constraint(ZONE, { labelSelector: undefined })], [web('n1'), web('n2')], {}],
    ['by an empty one nobody is counted', [constraint(ZONE, { labelSelector: {} })], [web('n1'), web('n2')], {}],
    ['what only scores refuses nobody', [soft(ZONE)], [web('n1'), web('n2')], {}],
    ['fewer domains than wanted: the least is 0', [constraint(ZONE, { minDomains: 3 })], [web('n1'), web('n3')], NOWHERE],
    ['as many as wanted', [constraint(ZONE, { minDomains: 2 })], [web('n1'), web('n3')], {}],
  ])('%s', (_, constraints, pods, expected) => {
    expect(verdicts('PodTopologySpread', spreading(constraints), nodes, { pods })).toEqual(expected);
  });

  test.each<[string, object[], Pod[], Verdicts]>([
    ['nobody goes to a node without the label', [constraint(ZONE)], [], { n4: NO_LABEL }],
    [
      'nor do those on it count by another',
      [constraint(ZONE), constraint(HOST)],
      [web('n1'), web('n3')],
      { n1: UNEVEN, n3: UNEVEN, n4: NO_LABEL },
    ],
    ['which is asked first', [constraint(HOST), constraint(ZONE)], [web('n4')], { n4: NO_LABEL }],
  ])('%s', (_, constraints, pods, expected) => {
    expect(verdicts('PodTopologySpread', spreading(constraints), [...nodes, unzoned], { pods })).toEqual(expected);
  });
});

describe('which nodes count', () => {
  const ssd = (name: string, zone: string) => labelled(name, { [ZONE]: zone, disk: 'ssd' });
  const onSsd = { nodeSelector: { disk: 'ssd' } };
  const inAffinity = {
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] }],
        },
      },
    },
  };
  const byDisk = [ssd('n1', 'a'), ssd('n2', 'a'), n3];
  const tainted = (effect: string) =>
    node('n3', { metadata: { labels: { [HOST]: 'n3', [ZONE]: 'b' } }, spec: { taints: [{ key: 'k', effect }] } });
  const tolerating = { tolerations: [{ key: 'k', operator: 'Exists' }] };
  test.each<[string, Node[], object, object, Verdicts]>([
    ['those that the pod’s selector means', byDisk, {}, onSsd, {}],
    ['said outright', byDisk, { nodeAffinityPolicy: 'Honor' }, onSsd, {}],
    ['those that its affinity means', byDisk, {}, inAffinity, {}],
    ['all, where it is to be ignored', byDisk, { nodeAffinityPolicy: 'Ignore' }, onSsd, IN_A],
    [
      'a preference leaves nobody out',
      byDisk,
      {},
      {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              {
                weight: 1,
                preference: inAffinity.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0],
              },
            ],
          },
        },
      },
      IN_A,
    ],
    ['tainted ones, too', [n1, n2, tainted('NoSchedule')], {}, {}, IN_A],
    ['but not where taints are to be honoured', [n1, n2, tainted('NoSchedule')], { nodeTaintsPolicy: 'Honor' }, {}, {}],
    ['of any strict effect', [n1, n2, tainted('NoExecute')], { nodeTaintsPolicy: 'Honor' }, {}, {}],
    ['a taint that is only a wish is none', [n1, n2, tainted('PreferNoSchedule')], { nodeTaintsPolicy: 'Honor' }, {}, IN_A],
    ['nor is one that is tolerated', [n1, n2, tainted('NoSchedule')], { nodeTaintsPolicy: 'Honor' }, tolerating, IN_A],
    ['fewer of them than domains wanted', byDisk, { minDomains: 2 }, onSsd, IN_A],
  ])('%s', (_, all, more, spec, expected) => {
    expect(verdicts('PodTopologySpread', spreading([constraint(ZONE, more)], spec), all, { pods: [web('n1')] })).toEqual(expected);
  });
});

describe('labels that are compared with the pod’s own', () => {
  const pods = [web('n1', { release: '1' }), web('n3', { release: '2' })];
  test.each<[string, object, object, Verdicts]>([
    ['the same release only', { matchLabelKeys: ['release'] }, { release: '2' }, { n3: UNEVEN }],
    ['a release that nobody has yet', { matchLabelKeys: ['release'] }, { release: '3' }, {}],
    ['a label that the pod does not have is not compared', { matchLabelKeys: ['release'] }, {}, {}],
  ])('%s', (_, more, labels, expected) => {
    expect(verdicts('PodTopologySpread', spreading([constraint(ZONE, more)], {}, labels), nodes, { pods })).toEqual(expected);
  });
});

describe('scores', () => {
  // Pods in a domain, times ln(domains + 2), plus maxSkew - 1; then 100 * (most + least - own) / most.
  test.each<[string, object[], Node[], Pod[], readonly number[]]>([
    ['nobody is there', [soft(ZONE)], nodes, [], [100, 100, 100]],
    ['1 and 0: 1.39 and 0', [soft(ZONE)], nodes, [web('n1')], [0, 0, 100]],
    ['2 and 1: 2.77 and 1.39', [soft(ZONE)], nodes, [web('n1'), web('n2'), web('n3')], [33, 33, 100]],
    [
      'an uneven spread that is allowed makes less of a difference: 4.77 and 3.39',
      [soft(ZONE, { maxSkew: 3 })],
      nodes,
      [web('n1'), web('n2'), web('n3')],
      [60, 60, 100],
    ],
    ['by host: 3.22, 1.61 and 0', [soft(HOST)], nodes, [web('n1'), web('n1'), web('n2')], [0, 33, 100]],
    ['by both: 1.61 + 1.39, 0 + 1.39 and 0', [soft(HOST), soft(ZONE)], nodes, [web('n1')], [0, 66, 100]],
    ['a node without the label is the worst', [soft(ZONE)], [...nodes, unzoned], [web('n1'), web('n2'), web('n3')], [33, 33, 100, 0]],
    ['nor do pods on it count', [soft(HOST), soft(ZONE)], [...nodes, unzoned], [web('n1'), web('n4')], [0, 66, 100, 0]],
    ['an empty selector counts nobody', [soft(ZONE, { labelSelector: {} })], nodes, [web('n1')], [100, 100, 100]],
  ])('%s', (_, constraints, all, pods, expected) => {
    expect(scores('PodTopologySpread', spreading(constraints), all, { pods })).toEqual(expected);
  });

  test('what must hold does not score', () => {
    expect(scores('PodTopologySpread', spreading([constraint(ZONE)]), nodes, { pods: [web('n1')] })).toBeUndefined();
  });
});

describe('by default', () => {
  const owner = (kind: string, apiVersion = 'apps/v1'): OwnerReference => ({
    apiVersion,
    kind,
    name: 'web',
    uid: 'uid-web',
    controller: true,
  });
  const owned = (by: OwnerReference | undefined, nodeName?: string): Pod =>
    pod(`p-${nodeName}`, {
      metadata: { labels: { app: 'web' }, ...(by && { ownerReferences: [by] }) },
      spec: nodeName ? { nodeName } : {},
    });
  const behind = (selector: object | undefined, namespace = 'default'): Service =>
    service('web', { metadata: { namespace }, spec: { selector } });
  // Hosts, 1.61 each and 2 more; zones, 1.39 each and 4 more: 12, 9 and 6.
  const SPREAD = [50, 75, 100];
  test.each<[string, OwnerReference | undefined, Service[], readonly number[] | undefined]>([
    ['pods of one ReplicaSet', owner('ReplicaSet'), [], SPREAD],
    ['of one StatefulSet', owner('StatefulSet'), [], SPREAD],
    ['of one ReplicationController', owner('ReplicationController', 'v1'), [], SPREAD],
    ['of one Job are not spread', owner('Job', 'batch/v1'), [], undefined],
    ['nor those of an owner that nobody knows', owner('ReplicaSet', 'example.com/v1'), [], undefined],
    ['pods behind one Service', undefined, [behind({ app: 'web' })], SPREAD],
    ['of one Job behind one Service', owner('Job', 'batch/v1'), [behind({ app: 'web' })], SPREAD],
    ['behind a Service of another namespace', undefined, [behind({ app: 'web' }, 'other')], undefined],
    ['behind a Service that selects others', undefined, [behind({ app: 'db' })], undefined],
    ['a Service without a selector is nobody’s', undefined, [behind(undefined)], undefined],
    ['nobody’s', undefined, [], undefined],
  ])('%s', (_, by, services, expected) => {
    const pods = [owned(by, 'n1'), owned(by, 'n1')];
    expect(scores('PodTopologySpread', owned(by), nodes, { pods, services })).toEqual(expected);
  });

  const pods = [owned(owner('ReplicaSet'), 'n1'), owned(owner('ReplicaSet'), 'n1')];
  test('a node outside all zones takes part: hosts 1.79 each, and being nowhere is like a zone more, 1.61 each: 13, 9, 6 and 2', () => {
    expect(scores('PodTopologySpread', owned(owner('ReplicaSet')), [...nodes, unzoned], { pods })).toEqual([15, 46, 69, 100]);
  });

  const zones = { maxSkew: 1, topologyKey: ZONE };
  const listed = (...defaultConstraints: object[]) => ({ defaultingType: 'List', defaultConstraints }) as unknown as Json;
  test.each<[string, Json, Verdicts, readonly number[] | undefined]>([
    ['the system’s refuse nobody', {}, {}, SPREAD],
    ['a list of the configuration takes their place', listed({ ...zones, whenUnsatisfiable: 'ScheduleAnyway' }), {}, [0, 0, 100]],
    ['and can be strict', listed({ ...zones, whenUnsatisfiable: 'DoNotSchedule' }), IN_A, undefined],
    ['or empty', listed(), {}, undefined],
  ])('%s', (_, args, refused, scored) => {
    const what = owned(owner('ReplicaSet'));
    expect(verdicts('PodTopologySpread', what, nodes, { pods, args })).toEqual(refused);
    expect(scores('PodTopologySpread', what, nodes, { pods, args })).toEqual(scored);
  });

  test('a pod that has constraints of its own is not spread by default besides', () => {
    const what = { ...owned(owner('ReplicaSet')), spec: spreading([constraint(HOST)]).spec } as Pod;
    expect(scores('PodTopologySpread', what, nodes, { pods })).toBeUndefined();
  });
});
