// The rule set of a node's policies: a chain for all pods for which the same holds, and what leads each pod's packets there. Pure.
import { selectorOf } from '../../src/apimachinery/labels.js';
import type { NetworkPolicy } from '../../src/kinds/types/networking_v1.js';
import { type Chain, type Jump, makeChain, makeRule, type Problem, type Rule, type RuleSet } from '../proxy/rules.js';
import { PolicyMemo } from './memo.js';
import { type Direction, FORWARD, INPUT, policyChain, TABLE } from './names.js';
import { allowRules, basisOf, policyName, policySubject } from './policy-rules.js';
import { namedPorts } from './ports.js';
import type { PolicyPod, World } from './world.js';

const NOTHING: RuleSet = { chains: [], jumps: [], problems: [] };

/** No chains and no jumps where no policy selects a pod of this node. `memo`: of the last rendering for the same node. */
export function renderPolicies(policies: readonly NetworkPolicy[], world: World, memo = new PolicyMemo()): RuleSet {
  memo.begin();
  const isolated = [...isolatedPods(policies, world, 'Egress'), ...isolatedPods(policies, world, 'Ingress')];
  if (isolated.length === 0) return NOTHING;
  const chains = new Map<string, Chain>();
  const problems = new Map<string, Problem>();
  const forward: Rule[] = [underWay(world)];
  const input: Rule[] = [underWay(world)];
  const bases = new Map<NetworkPolicy, string | undefined>();
  let side: Direction | undefined;
  for (const { direction, pod, by } of isolated) {
    if (side !== direction) bases.clear();
    side = direction;
    const names = askedNames(direction, pod, by);
    const name = policyChain(direction, JSON.stringify([direction, by.map(policyName), names]));
    if (!chains.has(name)) {
      const rendered = by.map((policy) => {
        if (!bases.has(policy)) bases.set(policy, basisOf(policy, direction, world));
        const make = () => allowRules(policy, direction, pod, world);
        return memo.rules([direction, policyName(policy), JSON.stringify(names)], bases.get(policy), make);
      });
      for (const problem of rendered.flatMap((some) => some.problems)) problems.set(problem.message, problem);
      chains.set(
        name,
        memo.chain(name, rendered, () => denial(direction, by, world)),
      );
    }
    forward.push(...entries(direction, pod, name));
    if (direction === 'Egress') input.push(dnsEntry(pod, name, world));
  }
  return {
    chains: [...chains.values(), makeChain(TABLE, FORWARD, forward), makeChain(TABLE, INPUT, input)],
    jumps: JUMPS,
    problems: [...problems.values()],
  };
}

interface Isolated {
  readonly direction: Direction;
  readonly pod: PolicyPod;
  readonly by: readonly NetworkPolicy[];
}

/** This node's pods that are selected by at least one policy for the direction: what no rule allows them is denied. */
function isolatedPods(policies: readonly NetworkPolicy[], world: World, direction: Direction): readonly Isolated[] {
  const selecting = policies
    .filter((policy) => typesOf(policy).includes(direction))
    .sort((a, b) => (policyName(a) < policyName(b) ? -1 : 1))
    .map((policy) => ({ policy, selector: selectorOf(policy.spec.podSelector) }));
  const found: Isolated[] = [];
  for (const namespace of new Set(selecting.map(({ policy }) => policy.metadata.namespace!))) {
    const inNamespace = selecting.filter(({ policy }) => policy.metadata.namespace === namespace);
    for (const pod of world.pods.get(namespace) ?? []) {
      if (pod.pod.spec.nodeName !== world.nodeName) continue;
      const by = inNamespace.filter(({ selector }) => selector.matches(pod.pod.metadata.labels)).map(({ policy }) => policy);
      if (by.length > 0) found.push({ direction, pod, by });
    }
  }
  return found;
}

/** As the API server fills it in. */
function typesOf({ spec }: NetworkPolicy): readonly string[] {
  return spec.policyTypes?.length ? spec.policyTypes : spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
}

/** What the pod's ports are called, where a policy asks by name. Pods of which this is the same share a chain. */
function askedNames(direction: Direction, { pod }: PolicyPod, by: readonly NetworkPolicy[]) {
  const asksByName = by.some(({ spec }) => (spec.ingress ?? []).some(({ ports }) => ports?.some(({ port }) => typeof port === 'string')));
  return direction === 'Ingress' && asksByName ? namedPorts(pod).map((port) => [port.name, port.protocol, port.containerPort]) : [];
}

const PAST = { Ingress: 'to', Egress: 'from' } as const;

function entries(direction: Direction, { ip, key }: PolicyPod, chain: string): readonly Rule[] {
  const about = { kind: 'Pod', namespace: key.split('/')[0]!, name: key.split('/')[1]!, role: direction } as const;
  const [own, other] = direction === 'Ingress' ? ['-d', '-s'] : ['-s', '-d'];
  const address = `${ip}/32`;
  const self = direction === 'Ingress' ? [other, address, own, address] : [own, address, other, address];
  return [
    makeRule(about, self, `pod ${key} reaches itself`, 'RETURN'),
    makeRule(about, [own, address], `${PAST[direction]} pod ${key}: ${direction.toLowerCase()}`, chain),
  ];
}

function dnsEntry({ ip, key }: PolicyPod, chain: string, { dnsIp }: World): Rule {
  const about = { kind: 'Pod', namespace: key.split('/')[0]!, name: key.split('/')[1]!, role: 'Egress' } as const;
  return makeRule(about, ['-s', `${ip}/32`, '-m', 'conntrack', '--ctorigdst', dnsIp], `DNS from pod ${key}: egress`, chain);
}

function denial(direction: Direction, by: readonly NetworkPolicy[], { nodeName }: World): Rule {
  const subject = by.length === 1 ? policySubject(by[0]!, 'denied') : ({ kind: 'Node', name: nodeName, role: 'denied' } as const);
  const many = by.length === 1 ? 'policy' : 'policies';
  return makeRule(subject, [], `${many} ${by.map(policyName).join(', ')}: no ${direction.toLowerCase()} rule allows it`, 'DROP');
}

/** Replies, and connections that were allowed when they began, also where a policy would forbid them now. */
function underWay({ nodeName }: World): Rule {
  return makeRule(
    { kind: 'Node', name: nodeName, role: 'under way' },
    ['-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED'],
    'what is under way stays allowed',
    'RETURN',
  );
}

/** Nothing leaves by OUTPUT: the node itself may always reach its pods. */
const JUMPS: readonly Jump[] = [
  { table: TABLE, from: 'FORWARD', line: `-A FORWARD -m comment --comment "network policies" -j ${FORWARD}` },
  { table: TABLE, from: 'INPUT', line: `-A INPUT -m comment --comment "network policies: DNS" -j ${INPUT}` },
];
