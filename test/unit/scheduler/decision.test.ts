// Decision records: what is kept of a cycle says what the cycle said, and takes no more room than it may.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printPodDecisions } from '../../../src/cli/why/pod-print.js';
import type { DecisionRecord } from '../../../src/client/pod-decisions.js';
import type { Node, Pod } from '../../../src/kinds/types/core_v1.js';
import { schedule } from '../../../src/scheduler/cycle.js';
import { DecisionRing } from '../../../src/scheduler/decision-ring.js';
import { DecisionStore, recordOfAttempt } from '../../../src/scheduler/decision-store.js';
import { Nominator } from '../../../src/scheduler/nominator.js';
import { defaultProfile } from '../../../src/scheduler/profile.js';
import { nodeInfo, nodesOf } from '../../../src/scheduler/resources.js';
import { freshNumbers, reusedNumbers } from '../../../src/scheduler/scoring.js';
import { fixedRandom } from '../client/fakes.js';
import { NOW, node, pod } from '../controllers/objects.js';
import { storageOf } from './plugins/lab.js';
import { refusedIn } from './refusals.js';

const profile = defaultProfile();
const requesting = (name: string, cpu: string): Pod =>
  pod(name, { spec: { containers: [{ name: 'c', image: 'busybox', resources: { requests: { cpu } } }] } });
const sized = (name: string, cpu: string, spec: object = {}): Node =>
  node(name, { spec, status: { allocatable: { cpu, memory: '8Gi', pods: '110' } } });

function attempt(what: Pod, nodes: readonly Node[], count = 1, start = 0, room = freshNumbers) {
  const infos = nodesOf(nodes.map((each) => nodeInfo(each, [])));
  const snapshot = { ...infos, nominated: new Nominator(), services: [], namespaceLabels: () => ({}), storage: storageOf([]) };
  const decision = schedule(what, snapshot, profile, fixedRandom, start, room);
  return { decision, attempt: count, at_ms: NOW, duration_ms: 0.5 };
}

const recorded = (what: Pod, nodes: readonly Node[]): DecisionRecord => recordOfAttempt(attempt(what, nodes));

describe('a record', () => {
  test('of a pod that was placed has every plugin of every node that fit, and who was refused why', () => {
    const record = recorded(requesting('p', '1'), [sized('a', '2'), sized('b', '8'), sized('c', '8', { unschedulable: true })]);
    expect(record).toMatchObject({
      pod: { namespace: 'default', name: 'p', uid: 'uid-p' },
      scheduler: 'default-scheduler',
      attempt: 1,
      time: '2026-01-01T00:00:00.000000Z',
      duration_us: 500,
      nodes: { total: 3, evaluated: 3, feasible: 2 },
      node: 'b',
      reasons: [{ plugin: 'NodeUnschedulable', reason: 'node(s) were unschedulable', nodes: 1 }],
      refused: [{ node: 'c', plugin: 'NodeUnschedulable', reasons: ['node(s) were unschedulable'], unresolvable: true }],
      waitsFor: [],
      thinned: false,
    });
    expect(record.scores.map(({ node }) => node)).toEqual(['b', 'a']);
    for (const { total, plugins } of record.scores) {
      expect(plugins.map(({ plugin }) => plugin)).toContain('NodeResourcesFit');
      for (const { normalized, weight, weighted } of plugins) expect(weighted).toBe(normalized * weight);
      expect(plugins.reduce((sum, { weighted }) => sum + weighted, 0)).toBeCloseTo(total);
    }
  });

  test('of a draw says among which and with how many points', () => {
    const record = recorded(requesting('p', '1'), [sized('a', '4'), sized('b', '4'), sized('c', '1')]);
    expect(record.tieBreak).toMatchObject({ among: ['b', 'a'], total: record.scores[0]!.total });
    expect(record.scores[0]!.node).toBe(record.node);
  });

  test('of a pod that fits nowhere counts the reasons and says what could change them', () => {
    const record = recorded(requesting('p', '9'), [sized('a', '4'), sized('b', '4'), sized('c', '4', { unschedulable: true })]);
    expect(record.node).toBeUndefined();
    expect(record.reasons.map(({ reason, nodes }) => [reason, nodes])).toEqual([
      ['Insufficient cpu', 2],
      ['node(s) were unschedulable', 1],
    ]);
    expect(record.waitsFor.map(({ plugin }) => plugin).sort()).toEqual(['NodeResourcesFit', 'NodeUnschedulable']);
    expect(record.waitsFor.every(({ events }) => events.length > 0)).toBe(true);
    expect(record.message).toBe('0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.');
  });

  test('says of each node what the cycle said, whichever it began with, and keeps it while other cycles write where that one did', () => {
    const nodes = Array.from({ length: 7 }, (_, i) => sized(`n${i}`, ['1', '2', '8'][i % 3]!, i === 4 ? { unschedulable: true } : {}));
    const store = new DecisionStore();
    const room = reusedNumbers();
    const said = nodes.map((_, start) => {
      const one = attempt(requesting(`p${start}`, '2'), nodes, 1, start, room);
      store.add(one);
      const { feasible, scores } = one.decision;
      const scored = feasible.map(({ name }, i) => [name, scores.map(({ raw, normalized }) => [raw[i], normalized[i]])] as const);
      return { refused: refusedIn(one.decision), scored: Object.fromEntries(scored) };
    });
    for (const [start, { refused, scored }] of said.entries()) {
      const [record] = store.of(`uid-p${start}`) as [DecisionRecord];
      expect(record.refused).toEqual(refused.map((one) => ({ unresolvable: false, ...one })));
      const kept = record.scores.map(({ node, plugins }) => [node, plugins.map(({ raw, normalized }) => [raw, normalized])]);
      expect(Object.fromEntries(kept)).toEqual(scored);
    }
    expect(new Set(said.map(({ refused }) => refused[0]!.node)).size).toBeGreaterThan(2);
  });

  test('that is thinned keeps the counts, the chosen node and the best few', () => {
    const nodes = Array.from({ length: 30 }, (_, i) => sized(`n${i}`, String(2 + (i % 7)), i < 4 ? { unschedulable: true } : {}));
    const one = attempt(requesting('p', '1'), nodes);
    const whole = recordOfAttempt(one);
    const store = new DecisionStore(new DecisionRing(0, 0));
    store.add(one);
    const [thin] = store.of('uid-p') as [DecisionRecord];
    expect(thin).toEqual({ ...whole, refused: undefined, scores: thin.scores, thinned: true });
    expect(whole.scores.length).toBe(26);
    expect(thin.scores).toEqual(whole.scores.slice(0, 5));
  });

  test('without nodes waits for one', () => {
    expect(recorded(pod('p'), [])).toMatchObject({ nodes: { total: 0 }, waitsFor: [{ events: ['NodeAdd'] }] });
  });
});

describe('the store', () => {
  const nodes = [sized('a', '2'), sized('b', '4')];

  test('has the last attempts at a pod, the newest first, until the pod is gone', () => {
    const store = new DecisionStore();
    for (let i = 1; i <= 9; i++) store.add(attempt(requesting('p', '9'), nodes, i));
    store.add(attempt(requesting('other', '1'), nodes));
    expect(store.of('uid-p').map(({ attempt: count }) => count)).toEqual([9, 8, 7, 6, 5]);
    store.forget('uid-p');
    expect(store.of('uid-p')).toEqual([]);
    expect(store.of('uid-other').length).toBe(1);
  });

  test('thins the oldest where whole records take too much room, and forgets the oldest summaries', () => {
    const whole = recorded(requesting('p', '1'), nodes);
    // Two nodes for each of three.
    const store = new DecisionStore(new DecisionRing(1000, 6), 7);
    for (let i = 0; i < 12; i++) store.add(attempt(requesting(`p${i}`, '1'), nodes));
    const states = Array.from({ length: 12 }, (_, i) => store.of(`uid-p${i}`)[0]?.thinned);
    expect(states).toEqual([...Array(5).fill(undefined), ...Array(4).fill(true), ...Array(3).fill(false)]);
    expect(store.of('uid-p11')[0]).toEqual({ ...whole, pod: { ...whole.pod, name: 'p11', uid: 'uid-p11' } });
  });

  test('pods that the same nodes refuse, by turns with others, each keep who refused them and why', () => {
    const other = [sized('c', '2'), sized('d', '4')];
    const tried = [nodes, nodes, other, nodes, [nodes[0]!, sized('b', '8')], [nodes[1]!, nodes[0]!]].map((those, i) =>
      attempt(requesting(`p${i}`, '9'), those),
    );
    const store = new DecisionStore(new DecisionRing(100, 100));
    for (const one of tried) store.add(one);
    expect(tried.map((_, i) => store.of(`uid-p${i}`)[0])).toEqual(tried.map(recordOfAttempt));
  });

  test('nodes that preemption could help on are each kept with who would go, until others are written over them', () => {
    const candidates = ['a', 'b'].map((node, i) => ({
      node,
      victims: { pods: Array.from({ length: i + 1 }, (_, n) => pod(`${node}-${n}`, { spec: { priority: n } })), violations: i },
    }));
    const tried = [candidates, [candidates[1]!], [], candidates].map((those, i) => ({
      ...attempt(requesting(`p${i}`, '9'), nodes),
      postFilter: { nominatedNode: 'a', message: '', preemption: { candidates: those, chosen: candidates[0]!, message: 'fewest victims' } },
    }));
    // Five places for both of them, three for the second alone.
    const store = new DecisionStore(new DecisionRing(100, 100, 8));
    for (const one of tried) store.add(one);
    expect(tried.map((_, i) => store.of(`uid-p${i}`)[0]!.thinned)).toEqual([true, false, false, false]);
    expect(tried.slice(1).map((_, i) => store.of(`uid-p${i + 1}`)[0])).toEqual(tried.slice(1).map(recordOfAttempt));
    expect(store.of('uid-p3')[0]!.preemption!.candidates).toEqual([
      { node: 'a', victims: [{ namespace: 'default', name: 'a-0', uid: 'uid-a-0', priority: 0 }], pdbViolations: 0 },
      {
        node: 'b',
        victims: [0, 1].map((n) => ({ namespace: 'default', name: `b-${n}`, uid: `uid-b-${n}`, priority: n })),
        pdbViolations: 1,
      },
    ]);
  });

  test('whatever comes and goes, nothing is held that nobody can ask for', () => {
    const wholes = Array.from({ length: 6 }, (_, n) => recorded(requesting(`p${n}`, '1'), nodes));
    const steps = fc.array(fc.record({ pod: fc.nat(5), gone: fc.boolean() }), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (all) => {
        const store = new DecisionStore(new DecisionRing(100, 20), 7);
        for (const { pod: n, gone } of all) {
          if (gone) store.forget(`uid-p${n}`);
          else store.add(attempt(requesting(`p${n}`, '1'), nodes));
          const kept = Array.from({ length: 6 }, (_, i) => store.of(`uid-p${i}`)).flat();
          expect(kept.length).toBeLessThanOrEqual(7);
          expect(store.size).toBe(kept.length);
        }
        for (const [n, whole] of wholes.entries()) {
          for (const record of store.of(`uid-p${n}`)) if (!record.thinned) expect(record).toEqual(whole);
        }
        for (let i = 0; i < 6; i++) store.forget(`uid-p${i}`);
        expect(store.size).toBe(0);
      }),
      { numRuns: 30 },
    );
  });
});

describe('as text', () => {
  const about = (decisions: readonly DecisionRecord[]) => ({
    pod: { namespace: 'default', name: 'p', scheduler: 'default-scheduler' },
    state: 'unschedulable' as const,
    message: 'It waits.',
    waitsFor: decisions[0]!.waitsFor,
    decisions,
  });

  test('many refused nodes are told of by their reasons', () => {
    const nodes = Array.from({ length: 40 }, (_, i) => sized(`n${i}`, '1'));
    const text = printPodDecisions(about([recorded(requesting('p', '9'), nodes)]));
    expect(text).toMatch(/│ 40 +│ NodeResourcesFit │ Insufficient cpu │ n0, n1, n2, n3, \.\.\. │/);
    expect(text).toContain(
      'waits for NodeResourcesFit: a new node, a node that changes, a placed pod that goes, a placed pod that changes\n',
    );
    expect(text.split('\n').length).toBeLessThan(15);
  });

  test('many nodes that fit: the best few, and how many more', () => {
    const nodes = Array.from({ length: 40 }, (_, i) => sized(`n${i}`, String(i + 1)));
    const text = printPodDecisions(about([recorded(requesting('p', '1'), nodes)]));
    expect(text).toMatch(/SCORED BY .*│ n36 \(chosen\) .*│ n37/);
    expect(text).toContain('one of 7 that are equally good');
    expect(text).toContain('and 35 more nodes that fit');
  });

  test('attempts before the last are a line each', () => {
    const [a, b] = [recorded(requesting('p', '9'), [sized('a', '1')]), recorded(requesting('p', '9'), [sized('a', '1')])];
    expect(printPodDecisions(about([a, b])).match(/NODE +│ REFUSED BY/g)?.length).toBe(1);
  });
});
