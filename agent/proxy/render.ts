// The rule set of a node: every Service's rules, the chains that all share, and the jumps into them. Pure.

import type { Service } from '../../src/kinds/types/core_v1.js';
import type { EndpointSlice } from '../../src/kinds/types/discovery_v1.js';
import { LABEL_SERVICE_NAME } from '../../src/kinds/wellknown.js';
import * as names from './names.js';
import { type NodeContext, SHARED_CHAINS } from './port-rules.js';
import { type Chain, type Jump, makeChain, makeRule, type Rule, type RuleSet, type Subject } from './rules.js';
import { renderService, type ServiceRules } from './service-rules.js';

/** All rules of a node, from all Services and all slices. The proxier keeps what `renderService` gave and calls `assemble`. */
export function render(services: readonly Service[], slices: readonly EndpointSlice[], node: NodeContext): RuleSet {
  const slicesOf = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const key = serviceKeyOf(slice);
    if (key) slicesOf.set(key, [...(slicesOf.get(key) ?? []), slice]);
  }
  const key = ({ metadata }: Service) => `${metadata.namespace}/${metadata.name}`;
  const sorted = [...services].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  return assemble(
    sorted.map((service) => renderService(service, slicesOf.get(key(service)) ?? [], node)),
    node,
  );
}

/** `namespace/name` of the Service that a slice belongs to. */
export function serviceKeyOf(slice: EndpointSlice): string | undefined {
  const name = slice.metadata.labels?.[LABEL_SERVICE_NAME];
  return name && `${slice.metadata.namespace}/${name}`;
}

/** A chain that all Services share: their parts in the given order, then what every node has in it. */
export function sharedChain(index: number, services: Iterable<ServiceRules>, node: NodeContext): Chain {
  const { table, name } = SHARED_CHAINS[index]!;
  const rules: Rule[] = [];
  let text = '';
  for (const { shared } of services) {
    const part = shared[index]!;
    rules.push(...part.rules);
    text += part.text;
  }
  const own = makeChain(table, name, table === 'nat' && name === names.SERVICES ? nodePortRules(node) : []);
  return { table, name, rules: [...rules, ...own.rules], text: text + own.text };
}

/** Joins the rules of all Services, in the given order, with those of every node. */
export function assemble(services: readonly ServiceRules[], node: NodeContext): RuleSet {
  return {
    chains: [
      ...nodeChains(node),
      ...services.flatMap((service) => service.chains),
      ...SHARED_CHAINS.map((_chain, index) => sharedChain(index, services, node)),
    ],
    jumps: JUMPS,
    problems: services.flatMap((service) => service.problems),
  };
}

/** Last in KUBE-SERVICES: whatever goes to an address of this node and to no Service's own may be for a node port. */
function nodePortRules(node: NodeContext): readonly Rule[] {
  const about: Subject = { kind: 'Node', name: node.nodeName, role: 'node ports' };
  const comment = 'kubernetes service nodeports: this must be the last rule in this chain';
  const notLoopback = node.localhostNodePorts ? [] : ['!', '-d', LOOPBACK];
  const ranges = node.nodePortAddresses.length > 0 ? node.nodePortAddresses.map((cidr) => ['-d', cidr]) : [notLoopback];
  return ranges.map((range) => makeRule(about, [...range, '-m', 'addrtype', '--dst-type', 'LOCAL'], comment, names.NODEPORTS));
}

const LOOPBACK = '127.0.0.0/8';

/** The chains that are there without any Service. */
export function nodeChains(node: NodeContext): readonly Chain[] {
  const rule = (role: string, match: readonly string[], ...target: string[]) =>
    makeRule({ kind: 'Node', name: node.nodeName, role }, match, role, ...target);
  const mark = `0x${(2 ** node.masqueradeBit).toString(16)}`;
  const conntrack = (states: string) => ['-m', 'conntrack', '--ctstate', states];
  const canary = [rule('kube-proxy looks whether this is there', [], 'RETURN')];
  return [
    makeChain('nat', names.CANARY, canary),
    makeChain('filter', names.CANARY, canary),
    makeChain('nat', names.MARK_MASQ, [rule('mark for masquerade', [], 'MARK', '--or-mark', mark)]),
    makeChain('nat', names.POSTROUTING, [
      rule('not marked', ['-m', 'mark', '!', '--mark', `${mark}/${mark}`], 'RETURN'),
      // The packet may pass here again, for instance inside a tunnel: it must not be translated twice.
      rule('take the mark off', [], 'MARK', '--xor-mark', mark),
      // Not --random-fully: a client that keeps its source port never meets a pod's TIME_WAIT of another of its connections. One at random
      // does, with timestamps that Linux draws for each connection anew: the pod takes the SYN for an old one, and it is sent again after 1 s.
      rule('masquerade marked traffic', [], 'MASQUERADE'),
    ]),
    makeChain('nat', names.POD_MASQ, [
      rule('stays in the pod network', ['-d', node.clusterCidr], 'RETURN'),
      rule('multicast is not routed', ['-d', '224.0.0.0/4'], 'RETURN'),
      rule('pods leave the cluster by the address of the node', ['-s', node.clusterCidr], 'MASQUERADE', '--random-fully'),
    ]),
    makeChain('filter', names.FORWARD, [
      // A packet that conntrack cannot place would leave with the pod's address untranslated and reset the connection.
      rule('drop what belongs to no connection', conntrack('INVALID'), 'DROP'),
      rule('forward marked traffic', ['-m', 'mark', '--mark', `${mark}/${mark}`], 'ACCEPT'),
      rule('forward what is under way', conntrack('RELATED,ESTABLISHED'), 'ACCEPT'),
      rule('forward from pods', ['-s', node.clusterCidr], 'ACCEPT'),
      rule('forward to pods', ['-d', node.clusterCidr], 'ACCEPT'),
    ]),
    makeChain('filter', names.FIREWALL, [
      // route_localnet, which 127.0.0.1:NodePort needs, would let neighbours reach what listens on the loopback address only.
      rule(
        'block incoming localnet connections',
        ['!', '-s', LOOPBACK, '-d', LOOPBACK, '-m', 'conntrack', '!', '--ctstate', 'RELATED,ESTABLISHED,DNAT'],
        'DROP',
      ),
    ]),
  ];
}

const NEW = '-m conntrack --ctstate NEW ';

function jump(table: Jump['table'], from: Jump['from'], match: string, comment: string, to: string): Jump {
  return { table, from, line: `-A ${from} ${match}-m comment --comment "${comment}" -j ${to}` };
}

const FIREWALL = [NEW, 'kubernetes load balancer firewall', names.PROXY_FIREWALL] as const;
const PORTALS = [NEW, 'kubernetes service portals', names.SERVICES] as const;
const EXTERNAL = [NEW, 'kubernetes externally-visible service portals', names.EXTERNAL_SERVICES] as const;
const LOCALNET = ['', 'kubernetes localnet firewall', names.FIREWALL] as const;

/** In the order in which they stand in each chain: a refusal comes before the forwarding of pods' traffic. */
export const JUMPS: readonly Jump[] = [
  jump('nat', 'PREROUTING', '', 'kubernetes service portals', names.SERVICES),
  jump('nat', 'OUTPUT', '', 'kubernetes service portals', names.SERVICES),
  jump('nat', 'POSTROUTING', '', 'kubernetes postrouting rules', names.POSTROUTING),
  jump('nat', 'POSTROUTING', '', 'pods leaving the cluster', names.POD_MASQ),
  jump('filter', 'INPUT', ...FIREWALL),
  jump('filter', 'INPUT', '', 'kubernetes health check service ports', names.NODEPORTS),
  jump('filter', 'INPUT', ...EXTERNAL),
  jump('filter', 'INPUT', ...LOCALNET),
  jump('filter', 'FORWARD', ...FIREWALL),
  jump('filter', 'FORWARD', ...PORTALS),
  jump('filter', 'FORWARD', ...EXTERNAL),
  jump('filter', 'FORWARD', '', 'kubernetes forwarding rules', names.FORWARD),
  jump('filter', 'OUTPUT', ...FIREWALL),
  jump('filter', 'OUTPUT', ...PORTALS),
  jump('filter', 'OUTPUT', ...EXTERNAL),
  jump('filter', 'OUTPUT', ...LOCALNET),
];
