// What one policy allows the pods that it selects, in one direction, rule by rule. Pure.
import { cidrHasIp, parseCidr, parseIpv4 } from '../../src/apimachinery/cidr.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../src/kinds/types/networking_v1.js';
import { makeRule, type Problem, type Rule, type Subject } from '../proxy/rules.js';
import type { Direction } from './names.js';
import { type Match, type Peers, peersOf } from './peers.js';
import { hasPort, type Ports, portMatches, portsOf } from './ports.js';
import type { PolicyPod, World } from './world.js';

export interface Allowed {
  readonly rules: readonly Rule[];
  readonly problems: readonly Problem[];
}

/** One policy must not fill the kernel's tables: some thousand pods on a dozen ports is far more than anybody writes by intention. */
const RULES_MAX = 20_000;
const DNS_PORT = 53;
/** What policies take the cluster's DNS for, so that they mean here what they mean elsewhere. */
const DNS_POD = {
  spec: {
    containers: [
      {
        ports: [
          { name: 'dns', protocol: 'UDP', containerPort: DNS_PORT },
          { name: 'dns-tcp', protocol: 'TCP', containerPort: DNS_PORT },
        ],
      },
    ],
  },
} as unknown as Pod;

export const policyName = ({ metadata }: NetworkPolicy) => `${metadata.namespace}/${metadata.name}`;

export function policySubject({ metadata }: NetworkPolicy, role: string, target?: string): Subject {
  return { kind: 'NetworkPolicy', namespace: metadata.namespace!, name: metadata.name, role, ...(target ? { target } : {}) };
}

/** `pod` is one of those that the policy selects: ports that an ingress rule names are looked up in it. */
export function allowRules(policy: NetworkPolicy, direction: Direction, pod: PolicyPod, world: World): Allowed {
  const rules: Rule[] = [];
  const messages: string[] = [];
  for (const [i, { ports, peers }] of rulesOf(policy, direction).entries()) {
    const found = peersOf(peers, policy.metadata.namespace!, world);
    messages.push(...found.problems);
    const role = `${direction.toLowerCase()} rule ${i + 1}`;
    const isNamed = direction === 'Egress' && asksByName(ports);
    for (const match of isNamed ? withPods(found.matches, world) : found.matches)
      rules.push(...peerRules(policy, role, direction, match, portsOf(ports, ingressPod(direction, pod, match))));
    if (direction === 'Egress') rules.push(...dnsRules(policy, role, ports, found, world));
  }
  if (rules.length > RULES_MAX) messages.push(`${rules.length} iptables rules are more than ${RULES_MAX}: the rest is not allowed`);
  return {
    rules: rules.slice(0, RULES_MAX),
    problems: messages.map((message) => ({ about: policySubject(policy, 'not enforced'), message })),
  };
}

/** All that the rules of a policy depend on besides the pod's own ports: equal for equal rules. Undefined where ports are looked up in peers. */
export function basisOf(policy: NetworkPolicy, direction: Direction, world: World): string | undefined {
  const rules = rulesOf(policy, direction);
  if (direction === 'Egress' && rules.some(({ ports }) => asksByName(ports))) return undefined;
  return JSON.stringify(
    rules.map(({ ports, peers }) => {
      const { matches, dns, problems } = peersOf(peers, policy.metadata.namespace!, world);
      return [ports, matches.map(({ range, what }) => [range, what]), dns, problems];
    }),
  );
}

/** A port's name means another number in each pod, so pods in a range need rules of their own. */
function withPods(matches: readonly Match[], { pods }: World): readonly Match[] {
  const all = [...pods.values()].flat();
  return matches.flatMap((match) => {
    if (match.pod) return [match];
    const range = parseCidr(match.range ?? '0.0.0.0/0')!;
    const within = all.filter(({ ip }) => cidrHasIp(range, parseIpv4(ip)!));
    return [match, ...within.map(({ ip, key, pod }) => ({ range: `${ip}/32`, what: `pod ${key}`, pod }))];
  });
}

const asksByName = (ports: readonly NetworkPolicyPort[] | undefined) => ports?.some(({ port }) => typeof port === 'string') === true;

const ingressPod = (direction: Direction, selected: PolicyPod, { pod }: Match) => (direction === 'Ingress' ? selected.pod : pod);

interface PolicyRule {
  readonly ports: readonly NetworkPolicyPort[] | undefined;
  readonly peers: readonly NetworkPolicyPeer[] | undefined;
}

function rulesOf({ spec }: NetworkPolicy, direction: Direction): readonly PolicyRule[] {
  return direction === 'Ingress'
    ? (spec.ingress ?? []).map(({ ports, from }) => ({ ports, peers: from }))
    : (spec.egress ?? []).map(({ ports, to }) => ({ ports, peers: to }));
}

function peerRules(
  policy: NetworkPolicy,
  role: string,
  direction: Direction,
  match: Match,
  ports: readonly Ports[] | undefined,
): readonly Rule[] {
  const [option, word] = direction === 'Ingress' ? ['-s', 'from'] : ['-d', 'to'];
  const address = match.range ? [option!, match.range] : [];
  const comment = `policy ${policyName(policy)} ${role}: ${word} ${match.what}`;
  return portMatches(ports).map((port) => makeRule(policySubject(policy, role, match.what), [...address, ...port], comment, 'RETURN'));
}

/**
 * Names are asked for at the Service's address and port, and answered by the node on another: so the connection's first destination
 * is what counts. A rule for every address and port holds for them as it stands.
 */
function dnsRules(
  policy: NetworkPolicy,
  role: string,
  ports: readonly NetworkPolicyPort[] | undefined,
  { dns, matches }: Peers,
  { dnsIp }: World,
): readonly Rule[] {
  const allowed = portsOf(ports, DNS_POD);
  const isAlreadyThere = !allowed && matches.some(({ range }) => !range);
  if (!dns || isAlreadyThere) return [];
  const protocols = allowed ? allowed.filter((some) => hasPort(some, DNS_PORT)).map(({ protocol }) => ['-p', protocol]) : [[]];
  const comment = `policy ${policyName(policy)} ${role}: to the cluster DNS`;
  const port = allowed ? ['--ctorigdstport', String(DNS_PORT)] : [];
  return protocols.map((protocol) =>
    makeRule(
      policySubject(policy, role, 'the cluster DNS'),
      [...protocol, '-m', 'conntrack', '--ctorigdst', dnsIp, ...port],
      comment,
      'RETURN',
    ),
  );
}
