// PodTopologySpread: what a constraint counts, the cluster's default, and scores; what must hold is also compared with a plain reading elsewhere.
import { describe, expect, test } from 'vitest';
import type { Pod } from '../../../../src/kinds/types/core_v1.js';
import { controlledBy, pod, replicaSet } from '../../controllers/objects.js';
import { HOST, labelled, on, refusals, scores, ZONE } from './lab.js';

const nodes = [labelled('n1', { [ZONE]: 'a' }), labelled('n2', { [ZONE]: 'a' }), labelled('n3', { [ZONE]: 'b' })];
const constraint = (topologyKey: string, more: object = {}) => ({
  maxSkew: 1,
  topologyKey,
  whenUnsatisfiable: 'DoNotSchedule',
  labelSelector: { matchLabels: { app: 'web' } },
  ...more,
});
const spreading = (...topologySpreadConstraints: object[]) =>
  pod('p', { metadata: { labels: { app: 'web' } }, spec: { topologySpreadConstraints } });
const web = (at: string, name: string, spec: object = {}) => on(at, name, spec, { app: 'web' });
const UNEVEN = "node(s) didn't match pod topology spread constraints";

describe('filters', () => {
  test('pods that are going, and those of other namespaces, do not count', () => {
    const going = { ...web('n1', 'x'), metadata: { ...web('n1', 'x').metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    const elsewhere = pod('y', { metadata: { namespace: 'other', labels: { app: 'web' } }, spec: { nodeName: 'n1' } });
    expect(refusals('PodTopologySpread', spreading(constraint(ZONE)), nodes, { pods: [going, elsewhere] })).toEqual({});
    expect(refusals('PodTopologySpread', spreading(constraint(ZONE)), nodes, { pods: [web('n1', 'z')] })).toEqual({
      n1: UNEVEN,
      n2: UNEVEN,
    });
  });

  test('two constraints must both hold; a node without a label of one counts for neither', () => {
    const pods = [web('n1', 'x'), web('n3', 'y')];
    expect(refusals('PodTopologySpread', spreading(constraint(ZONE), constraint(HOST)), nodes, { pods })).toEqual({
      n1: UNEVEN,
      n3: UNEVEN,
    });
    const unzoned = labelled('n4', {});
    expect(refusals('PodTopologySpread', spreading(constraint(ZONE), constraint(HOST)), [...nodes, unzoned], { pods })).toEqual({
      n1: UNEVEN,
      n3: UNEVEN,
      n4: `${UNEVEN} (missing required label)`,
    });
  });
});

describe('by default', () => {
  const owned = (name: string, nodeName?: string): Pod =>
    pod(name, { metadata: { ownerReferences: [controlledBy(replicaSet('web'))] }, spec: nodeName ? { nodeName } : {} });
  const pods = [owned('x', 'n1'), owned('y', 'n1')];

  test('pods of one owner are spread over hosts and zones, where nothing else is said', () => {
    const [first, second, third] = scores('PodTopologySpread', owned('p'), nodes, { pods })!;
    expect(third).toBeGreaterThan(second!);
    expect(second).toBeGreaterThan(first!);
    expect(scores('PodTopologySpread', pod('p'), nodes, { pods })).toBeUndefined();
  });

  test('the configuration’s own list takes the place of that, and can be strict', () => {
    const args = { defaultingType: 'List', defaultConstraints: [{ maxSkew: 1, topologyKey: ZONE, whenUnsatisfiable: 'DoNotSchedule' }] };
    expect(refusals('PodTopologySpread', owned('p'), nodes, { pods, args })).toEqual({ n1: UNEVEN, n2: UNEVEN });
    expect(scores('PodTopologySpread', owned('p'), nodes, { pods, args: { defaultingType: 'List' } })).toBeUndefined();
  });
});

test('a node without the label of a constraint that only scores is the worst', () => {
  const soft = constraint(ZONE, { whenUnsatisfiable: 'ScheduleAnyway' });
  const all = [...nodes, labelled('n4', {})];
  const [first, , third, fourth] = scores('PodTopologySpread', spreading(soft), all, { pods: [web('n1', 'x')] })!;
  expect([third! > first!, fourth]).toEqual([true, 0]);
});
