// The rule set of a node: every Service's rules, the chains that all share, and the jumps into them. Pure.

import type { Service } from '../../src/kinds/types/core_v1.js';
import type { EndpointSlice } from '../../src/kinds/types/discovery_v1.js';
import { LABEL_SERVICE_NAME } from '../../src/kinds/wellknown.js';
import * as names from './names.js';
import { type Chain, type Jump, makeChain, makeRule, type Rule, type RuleSet, type Subject } from './rules.js';
import { type NodeContext, renderService, type ServiceRules } from './service-rules.js';

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

/** Joins the rules of all Services, in the given order, with those of every node. */
export function assemble(services: readonly ServiceRules[], node: NodeContext): RuleSet {
  const shared = (table: Chain['table'], name: string, pick: (s: ServiceRules) => readonly Rule[], last: readonly Rule[] = []) =>
    makeChain(table, name, [...services.flatMap(pick), ...last]);
  return {
    chains: [
      ...nodeChains(node),
      ...services.flatMap((service) => service.chains),
      shared('nat', names.NODEPORTS, (service) => service.nodePorts),
      shared('nat', names.SERVICES, (service) => service.services, [nodePortRule(node)]),
      shared('filter', names.SERVICES, (service) => service.unserved),
      shared('filter', names.EXTERNAL_SERVICES, (service) => service.externalUnserved),
    ],
    jumps: JUMPS,
    problems: services.flatMap((service) => service.problems),
  };
}

/** The bit that upstream sets on packets to be masqueraded. */
const MASQUERADE_MARK = '0x4000';
const MASQUERADE_MATCH = `${MASQUERADE_MARK}/${MASQUERADE_MARK}`;

/** Last in KUBE-SERVICES: whatever goes to an address of this node and to no Service's own may be for a node port. */
function nodePortRule(node: NodeContext): Rule {
  const about: Subject = { kind: 'Node', name: node.nodeName, role: 'node ports' };
  const comment = 'kubernetes service nodeports: this must be the last rule in this chain';
  return makeRule(about, ['-m', 'addrtype', '--dst-type', 'LOCAL'], comment, names.NODEPORTS);
}

/** The chains that are there without any Service. */
function nodeChains(node: NodeContext): readonly Chain[] {
  const rule = (role: string, match: readonly string[], ...target: string[]) =>
    makeRule({ kind: 'Node', name: node.nodeName, role }, match, role, ...target);
  const conntrack = (states: string) => ['-m', 'conntrack', '--ctstate', states];
  return [
    makeChain('nat', names.MARK_MASQ, [rule('mark for masquerade', [], 'MARK', '--or-mark', MASQUERADE_MARK)]),
    makeChain('nat', names.POSTROUTING, [
      rule('not marked', ['-m', 'mark', '!', '--mark', MASQUERADE_MATCH], 'RETURN'),
      // The packet may pass here again, for instance inside a tunnel: it must not be translated twice.
      rule('take the mark off', [], 'MARK', '--xor-mark', MASQUERADE_MARK),
      rule('masquerade marked traffic', [], 'MASQUERADE', '--random-fully'),
    ]),
    makeChain('nat', names.POD_MASQ, [
      rule('stays in the pod network', ['-d', node.clusterCidr], 'RETURN'),
      rule('multicast is not routed', ['-d', '224.0.0.0/4'], 'RETURN'),
      rule('pods leave the cluster by the address of the node', ['-s', node.clusterCidr], 'MASQUERADE', '--random-fully'),
    ]),
    makeChain('filter', names.FORWARD, [
      // A packet that conntrack cannot place would leave with the pod's address untranslated and reset the connection.
      rule('drop what belongs to no connection', conntrack('INVALID'), 'DROP'),
      rule('forward marked traffic', ['-m', 'mark', '--mark', MASQUERADE_MATCH], 'ACCEPT'),
      rule('forward what is under way', conntrack('RELATED,ESTABLISHED'), 'ACCEPT'),
      rule('forward from pods', ['-s', node.clusterCidr], 'ACCEPT'),
      rule('forward to pods', ['-d', node.clusterCidr], 'ACCEPT'),
    ]),
    makeChain('filter', names.FIREWALL, [
      // route_localnet, which 127.0.0.1:NodePort needs, would let neighbours reach what listens on the loopback address only.
      rule(
        'block incoming localnet connections',
        ['!', '-s', '127.0.0.0/8', '-d', '127.0.0.0/8', '-m', 'conntrack', '!', '--ctstate', 'RELATED,ESTABLISHED,DNAT'],
        'DROP',
      ),
    ]),
  ];
}

const NEW = '-m conntrack --ctstate NEW ';

function jump(table: Jump['table'], from: Jump['from'], match: string, comment: string, to: string): Jump {
  return { table, from, line: `-A ${from} ${match}-m comment --comment "${comment}" -j ${to}` };
}

/** In the order in which they stand in each chain: a refusal comes before the forwarding of pods' traffic. */
const JUMPS: readonly Jump[] = [
  jump('nat', 'PREROUTING', '', 'kubernetes service portals', names.SERVICES),
  jump('nat', 'OUTPUT', '', 'kubernetes service portals', names.SERVICES),
  jump('nat', 'POSTROUTING', '', 'kubernetes postrouting rules', names.POSTROUTING),
  jump('nat', 'POSTROUTING', '', 'pods leaving the cluster', names.POD_MASQ),
  jump('filter', 'INPUT', NEW, 'kubernetes externally-visible service portals', names.EXTERNAL_SERVICES),
  jump('filter', 'INPUT', '', 'kubernetes localnet firewall', names.FIREWALL),
  jump('filter', 'FORWARD', NEW, 'kubernetes service portals', names.SERVICES),
  jump('filter', 'FORWARD', NEW, 'kubernetes externally-visible service portals', names.EXTERNAL_SERVICES),
  jump('filter', 'FORWARD', '', 'kubernetes forwarding rules', names.FORWARD),
  jump('filter', 'OUTPUT', NEW, 'kubernetes service portals', names.SERVICES),
  jump('filter', 'OUTPUT', NEW, 'kubernetes externally-visible service portals', names.EXTERNAL_SERVICES),
  jump('filter', 'OUTPUT', '', 'kubernetes localnet firewall', names.FIREWALL),
];
