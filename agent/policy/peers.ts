// Whom a peer of a policy stands for, as what iptables matches: ranges of an ipBlock, or the addresses of pods. Pure.
import { cidrHasIp, parseIpv4 } from '../../src/apimachinery/cidr.js';
import { selectorOf } from '../../src/apimachinery/labels.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import type { NetworkPolicyPeer } from '../../src/kinds/types/networking_v1.js';
import { NAMESPACE_SYSTEM } from '../../src/kinds/wellknown.js';
import { rangesOf } from './ranges.js';
import type { World } from './world.js';

export interface Match {
  /** `10.0.0.0/8`; absent: any address. */
  readonly range?: string;
  /** `pod default/web`, `10.0.0.0/8 except 10.1.0.0/16`. */
  readonly what: string;
  /** Whose named ports count. */
  readonly pod?: Pod;
}

export interface Peers {
  readonly matches: readonly Match[];
  /** Whether the cluster's DNS is among them. */
  readonly dns: boolean;
  readonly problems: readonly string[];
}

const DNS_LABELS = { 'k8s-app': 'kube-dns' };
const ANYBODY: Peers = { matches: [{ what: 'anywhere' }], dns: true, problems: [] };

/** Peers that are left out stand for everybody. `namespace` is the policy's. */
export function peersOf(peers: readonly NetworkPolicyPeer[] | undefined, namespace: string, world: World): Peers {
  if (!peers?.length) return ANYBODY;
  const each = peers.map((peer) => (peer.ipBlock ? ofBlock(peer, world) : ofSelectors(peer, namespace, world)));
  const matches = new Map(each.flatMap((some) => some.matches).map((match) => [`${match.range} ${match.what}`, match]));
  return {
    matches: [...matches.values()],
    dns: each.some(({ dns }) => dns),
    problems: each.flatMap(({ problems }) => problems),
  };
}

function ofBlock({ ipBlock }: NetworkPolicyPeer, { dnsIp }: World): Peers {
  const ranges = rangesOf(ipBlock!);
  if (!ranges) return { matches: [], dns: false, problems: [`ipBlock ${ipBlock!.cidr} matches nothing: only IPv4 is supported`] };
  const what = [ipBlock!.cidr, ...(ipBlock!.except?.length ? ['except', ipBlock!.except.join(' ')] : [])].join(' ');
  const dns = parseIpv4(dnsIp);
  return {
    matches: ranges.map(({ text, bits }) => (bits === 0 ? { what } : { range: text, what })),
    dns: dns !== undefined && ranges.some((range) => cidrHasIp(range, dns)),
    problems: [],
  };
}

function ofSelectors({ namespaceSelector, podSelector }: NetworkPolicyPeer, own: string, world: World): Peers {
  const namespaces = namespaceSelector ? selectorOf(namespaceSelector) : undefined;
  const pods = selectorOf(podSelector ?? {});
  // Instead of one rule for each pod that there is: the range that holds them all, and nobody else.
  if (namespaces?.empty && pods.empty)
    return { matches: [{ range: world.clusterCidr, what: 'any pod of the cluster' }], dns: true, problems: [] };
  const chosen = namespaces ? [...world.namespaces].filter(([, labels]) => namespaces.matches(labels)).map(([name]) => name) : [own];
  const matches = chosen.flatMap((namespace) =>
    (world.pods.get(namespace) ?? [])
      .filter(({ pod }) => pods.matches(pod.metadata.labels))
      .map(({ ip, key, pod }) => ({ range: `${ip}/32`, what: `pod ${key}`, pod })),
  );
  return { matches, dns: chosen.includes(NAMESPACE_SYSTEM) && pods.matches(DNS_LABELS), problems: [] };
}
