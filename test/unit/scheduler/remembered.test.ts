// What is remembered of nodes changes nothing: a profile that has decided often decides as one that never has.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Node, Pod } from '../../../src/kinds/types/core_v1.js';
import { schedule } from '../../../src/scheduler/cycle.js';
import type { Decision, PluginContext, Profile } from '../../../src/scheduler/define.js';
import { Nominator } from '../../../src/scheduler/nominator.js';
import { postFilter } from '../../../src/scheduler/post-filter.js';
import { defaultProfile } from '../../../src/scheduler/profile.js';
import { SchedulerCache } from '../../../src/scheduler/snapshot.js';
import { fixedRandom } from '../client/fakes.js';
import { node, pod } from '../controllers/objects.js';
import { storageOf } from './plugins/lab.js';
import { refusedIn } from './refusals.js';

const KINDS: readonly object[] = [
  { containers: asking('1') },
  { containers: asking('2'), priority: 5 },
  { containers: asking('2'), priority: 9, tolerations: [{ key: 'dedicated', operator: 'Exists' }] },
  { containers: asking('1'), nodeSelector: { disk: 'ssd' } },
  { containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }] }] },
];
function asking(cpu: string) {
  return [{ name: 'c', image: 'x', resources: { requests: { cpu } } }];
}

const nodeOf = (i: number, changed: number): Node =>
  node(`n${i}`, {
    metadata: { labels: { 'kubernetes.io/hostname': `n${i}`, disk: (i + changed) % 2 ? 'ssd' : 'hdd' } },
    spec: changed % 3 === 2 ? { taints: [{ key: 'dedicated', effect: 'NoSchedule' }] } : {},
    status: { allocatable: { cpu: String(2 + (i % 2)), memory: '8Gi', pods: '4' } },
  });

const told = (decision: Decision) => ({
  chosen: decision.node?.name,
  feasible: decision.feasible.map(({ name }) => name),
  refused: refusedIn(decision),
  message: decision.message,
});

type Step =
  | { readonly do: 'pod'; readonly kind: number; readonly nominated: boolean }
  | { readonly do: 'node'; readonly at: number; readonly changed: number }
  | { readonly do: 'gone'; readonly at: number }
  | { readonly do: 'left'; readonly at: number }
  | { readonly do: 'again' };
const steps = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('pod'), kind: fc.nat(KINDS.length - 1), nominated: fc.boolean() }) } as never,
    fc.record({ do: fc.constant('node'), at: fc.nat(5), changed: fc.nat(5) }) as never,
    fc.record({ do: fc.constant('gone'), at: fc.nat(5) }) as never,
    fc.record({ do: fc.constant('left'), at: fc.nat(40) }) as never,
    fc.constant({ do: 'again' }) as never,
  ),
  { maxLength: 40 },
);

test('cycle after cycle, with nodes that change, pods that come, and room that others are promised', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const cache = new SchedulerCache();
      const often = defaultProfile();
      for (let i = 0; i < 4; i++) cache.setNode(nodeOf(i, 0));
      const nominated = new Nominator((name) => cache.touch(name));
      let promised: Pod | undefined;
      for (const [i, step] of all.entries()) {
        if (step.do === 'node') cache.setNode(nodeOf(step.at, step.changed));
        if (step.do === 'gone') cache.removeNode(`n${step.at}`);
        if (step.do === 'left') cache.removePod(`default/p${step.at}`);
        const fresh = step.do === 'pod' && pod(`p${i}`, { spec: KINDS[step.kind]!, status: { phase: 'Pending' } });
        const what = fresh || (step.do === 'again' && promised);
        if (!what) continue;
        const snapshot = { ...cache.nodes(), nominated, services: [], namespaceLabels: () => ({}), storage: storageOf([]) };
        const context = { snapshot, random: fixedRandom, budgets: () => [] } as unknown as PluginContext;
        const decide = (profile: Profile) => {
          const decision = schedule(what, snapshot, profile, fixedRandom);
          const post = decision.node ? undefined : postFilter(what, decision, context);
          return { decision, told: told(decision), preemption: post?.preemption, nominatedNode: post?.nominatedNode };
        };
        const [first, again] = [decide(defaultProfile()), decide(often)];
        expect({ ...again, decision: undefined }).toEqual({ ...first, decision: undefined });
        if (again.decision.node) {
          cache.assume(what, again.decision.node.name);
          nominated.nominate(what, '');
        } else if (again.nominatedNode && step.do === 'pod' && step.nominated) {
          if (promised) nominated.nominate(promised, '');
          nominated.nominate(what, again.nominatedNode);
          promised = what;
        }
      }
    }),
    { numRuns: 60 },
  );
});
