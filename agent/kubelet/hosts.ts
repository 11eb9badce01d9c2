// A pod's host name and its /etc/hosts.
import type { Pod, PodSpec } from '../../src/kinds/types/core_v1.js';

/** Of Linux, 64 with the final zero. */
const HOSTNAME_MAX_CHARS = 63;

/** `spec.hostnameOverride` or `spec.hostname`, else the pod's name, cut to what Linux takes. */
export function podHostname(pod: Pod): string {
  const name = pod.spec.hostnameOverride ?? (pod.spec.hostname || pod.metadata.name);
  return name.slice(0, HOSTNAME_MAX_CHARS).replace(/[-.]+$/, '');
}

/** The name that the cluster's DNS gives it, where it has a subdomain. */
export function podFqdn(pod: Pod, clusterDomain: string): string | undefined {
  const { subdomain, hostnameOverride } = pod.spec;
  return subdomain && hostnameOverride === undefined
    ? `${podHostname(pod)}.${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`
    : undefined;
}

/** What the kernel is told. Throws where that would be longer than it takes. */
export function kernelHostname(pod: Pod, clusterDomain: string): string {
  const fqdn = pod.spec.setHostnameAsFQDN ? podFqdn(pod, clusterDomain) : undefined;
  if (fqdn === undefined) return podHostname(pod);
  if (fqdn.length <= HOSTNAME_MAX_CHARS + 1) return fqdn;
  const why = `FQDN ${fqdn} is too long (${HOSTNAME_MAX_CHARS + 1} characters is the max, ${fqdn.length} characters requested)`;
  throw new Error(`failed to construct FQDN from pod hostname and cluster domain, ${why}`);
}

const LOOPBACK = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'fe00::0\tip6-mcastprefix',
  'fe00::1\tip6-allnodes',
  'fe00::2\tip6-allrouters',
];

/** Of a pod with its own network. */
export function podHosts(pod: Pod, ips: readonly string[], clusterDomain: string): string {
  const names = [podFqdn(pod, clusterDomain), podHostname(pod)].filter((name) => name !== undefined);
  const own = ips.map((ip) => [ip, ...names].join('\t'));
  return lines(['# Kubernetes-managed hosts file.', ...LOOPBACK, ...own, ...aliases(pod.spec)]);
}

/** Of a pod on the node's network: the node's own file and the pod's aliases. */
export function hostNetworkHosts(nodeHosts: string, spec: PodSpec): string {
  return lines(['# Kubernetes-managed hosts file (host network).', nodeHosts.trimEnd(), ...aliases(spec)]);
}

function aliases({ hostAliases }: PodSpec): string[] {
  if (!hostAliases?.length) return [];
  const entries = hostAliases.map(({ ip, hostnames }) => [ip, ...(hostnames ?? [])].join('\t'));
  return ['', '# Entries added by HostAliases.', ...entries];
}

const lines = (all: readonly string[]) => `${all.join('\n')}\n`;
