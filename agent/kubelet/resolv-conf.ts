// The resolv.conf of a pod, from its dnsPolicy and dnsConfig and the node's own file.
import type { PodSpec } from '../../src/kinds/types/core_v1.js';
import type { PodDns } from '../runtime/config.js';

/** What glibc reads: more are ignored by it, so they are left out and said so by upstream too. */
const NAMESERVERS_MAX = 3;
/** Upstream's bounds of the search list. */
const SEARCHES_MAX = 32;
const SEARCH_MAX_CHARS = 2048;

export type DnsSettings = PodDns;

export interface ClusterDns {
  /** Empty: pods use the node's. */
  readonly addresses: readonly string[];
  readonly domain: string;
}

export function parseResolvConf(text: string): DnsSettings {
  const nameservers: string[] = [];
  let searches: string[] = [];
  let options: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && values[0]) nameservers.push(values[0]);
    // Of search and options the last line counts.
    if (keyword === 'search') searches = values.map((domain) => (domain === '.' ? domain : domain.replace(/\.$/, '')));
    if (keyword === 'options') options = values;
  }
  return { nameservers, searches, options };
}

/** An unnamed policy is ClusterFirst; on the node's network that means the node's, as upstream has it. */
export function podDns(spec: PodSpec, namespace: string, cluster: ClusterDns, node: DnsSettings): DnsSettings {
  return withConfig(byPolicy(spec, namespace, cluster, node), spec);
}

function byPolicy(spec: PodSpec, namespace: string, cluster: ClusterDns, node: DnsSettings): DnsSettings {
  const policy = spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { nameservers: [], searches: [], options: [] };
  const usesCluster = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && !spec.hostNetwork);
  if (!usesCluster || cluster.addresses.length === 0) return node;
  const searches = [`${namespace}.svc.${cluster.domain}`, `svc.${cluster.domain}`, cluster.domain, ...node.searches];
  return { nameservers: cluster.addresses, searches, options: ['ndots:5'] };
}

function withConfig(base: DnsSettings, { dnsConfig }: PodSpec): DnsSettings {
  if (!dnsConfig) return base;
  const options = new Map(base.options.map((option) => [option.split(':')[0]!, option]));
  for (const { name, value } of dnsConfig.options ?? []) if (name) options.set(name, value ? `${name}:${value}` : name);
  return {
    nameservers: [...new Set([...base.nameservers, ...(dnsConfig.nameservers ?? [])])],
    searches: [...new Set([...base.searches, ...(dnsConfig.searches ?? [])])],
    options: [...options.values()],
  };
}

/** What exceeds the bounds is cut off at the end. */
export function formatResolvConf({ nameservers, searches, options }: DnsSettings): string {
  const search = searchLine(searches);
  const lines = nameservers.slice(0, NAMESERVERS_MAX).map((address) => `nameserver ${address}`);
  if (search) lines.unshift(`search ${search}`);
  if (options.length > 0) lines.push(`options ${options.join(' ')}`);
  return `${lines.join('\n')}\n`;
}

function searchLine(searches: readonly string[]): string {
  let search = '';
  for (const domain of searches.slice(0, SEARCHES_MAX)) {
    const longer = search ? `${search} ${domain}` : domain;
    if (longer.length > SEARCH_MAX_CHARS) break;
    search = longer;
  }
  return search;
}

/** What the pod's owner is to know of what was cut off, in upstream's words. */
export function dnsOverflow({ nameservers, searches }: DnsSettings): readonly string[] {
  const search = searchLine(searches);
  const servers = nameservers.slice(0, NAMESERVERS_MAX).join(' ');
  return [
    ...(nameservers.length > NAMESERVERS_MAX
      ? [`Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${servers}`]
      : []),
    ...(search === searches.join(' ')
      ? []
      : [`Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${search}`]),
  ];
}
