// A pod's attachment to a network: what its plugins are told, and what their result says. Pure.
import type { Json, JsonObject } from '../../src/apimachinery/json.js';
import type { PortMapping } from '../runtime/config.js';
import type { PodNetworkConfig } from '../runtime/network.js';
import type { NetworkConfigList } from './conflist.js';
import type { CniCommand, PluginCall } from './plugin.js';

export const INTERFACE = 'eth0';

/** What is kept of a sandbox, written before its first plugin runs, so that a crash in between leaves a trace to undo. */
export interface Attachment {
  readonly pod: PodNetworkConfig;
  readonly list: NetworkConfigList;
  /** The node's pod CIDRs at the time. */
  readonly podCidrs?: readonly string[];
  /** The last plugin's; absent until all have run. */
  readonly result?: JsonObject;
}

export function pluginCall(command: CniCommand, pod: PodNetworkConfig): PluginCall {
  const args = [
    'IgnoreUnknown=1',
    `K8S_POD_NAMESPACE=${pod.namespace}`,
    `K8S_POD_NAME=${pod.name}`,
    `K8S_POD_INFRA_CONTAINER_ID=${pod.sandboxId}`,
    `K8S_POD_UID=${pod.uid}`,
  ];
  return { command, attachment: { containerId: pod.sandboxId, netns: pod.netns, ifName: INTERFACE, args: args.join(';') } };
}

/**
 * Those that have something to do for it. The reference plugins for ports and bandwidth hand the result on as it is where the pod asks for
 * neither, which takes a process each all the same; and that for bandwidth (1.1.1 for one) panics where it has nothing to check.
 */
export function busyPlugins({ pod, list }: Pick<Attachment, 'pod' | 'list'>): readonly JsonObject[] {
  return list.plugins.filter((plugin) => {
    if (plugin['type'] === 'portmap') return pod.portMappings.length > 0;
    if (plugin['type'] === 'bandwidth') return pod.bandwidth !== undefined || hasOwnRates(plugin);
    return true;
  });
}

/** For all pods alike. */
const hasOwnRates = (plugin: JsonObject) => plugin['ingressRate'] !== undefined || plugin['egressRate'] !== undefined;

/** A plugin's own configuration, the list's name and version, the result so far, and what it asked for by its capabilities. */
export function pluginConfig(attachment: Attachment, plugin: JsonObject, prevResult: JsonObject | undefined): JsonObject {
  const runtimeConfig = runtimeConfigOf(attachment, plugin);
  return {
    ...listConfig(attachment.list, plugin),
    ...(prevResult ? { prevResult } : {}),
    ...(Object.keys(runtimeConfig).length > 0 ? { runtimeConfig } : {}),
  };
}

/** Of no attachment in particular. */
export function listConfig({ name, cniVersion }: NetworkConfigList, plugin: JsonObject): JsonObject {
  // What it is capable of it is not told again.
  const { capabilities: _, ...own } = plugin;
  return { ...own, name, cniVersion };
}

/** Of what this runtime has to say, that which the plugin has asked for. */
function runtimeConfigOf({ pod, podCidrs = [] }: Attachment, plugin: JsonObject): JsonObject {
  const capabilities = (plugin['capabilities'] ?? {}) as JsonObject;
  const { portMappings, bandwidth, dns, annotations, cgroupParent } = pod;
  const offered: { readonly [capability: string]: Json | undefined } = {
    portMappings: portMappings.length > 0 ? portMappings.map(portMapping) : undefined,
    ipRanges: podCidrs.length > 0 ? podCidrs.map((subnet) => [{ subnet }]) : undefined,
    bandwidth: bandwidth && { ...bandwidth },
    dns: dns && { servers: dns.nameservers, searches: dns.searches, options: dns.options },
    cgroupPath: cgroupParent,
    'io.kubernetes.cri.pod-annotations': annotations && Object.keys(annotations).length > 0 ? { ...annotations } : undefined,
  };
  return Object.fromEntries(
    Object.entries(offered).filter((entry): entry is [string, Json] => entry[1] !== undefined && capabilities[entry[0]] === true),
  );
}

const portMapping = ({ hostPort, containerPort, protocol, hostIP }: PortMapping): JsonObject => ({
  hostPort,
  containerPort,
  protocol,
  ...(hostIP ? { hostIP } : {}),
});

/** The pod's addresses as the kubelet reports them: those of its own interface, IPv4 first. */
export function addressesOf(result: JsonObject | undefined): readonly string[] {
  const interfaces = (result?.['interfaces'] ?? []) as readonly JsonObject[];
  const isItsOwn = (ip: JsonObject) => {
    const link = typeof ip['interface'] === 'number' ? interfaces[ip['interface']] : undefined;
    return link === undefined || (link['name'] === INTERFACE && link['sandbox'] !== '');
  };
  const listed = Array.isArray(result?.['ips']) ? (result['ips'] as readonly JsonObject[]).filter(isItsOwn) : [];
  // Before version 0.3.0 there was one of each family.
  const early = [result?.['ip4'], result?.['ip6']].map((ip) => (ip as JsonObject | undefined)?.['ip']);
  const addresses = [...listed.map((ip) => ip['address']), ...early].flatMap((address) =>
    typeof address === 'string' ? [address.split('/')[0]!] : [],
  );
  return [...addresses.filter((ip) => !ip.includes(':')), ...addresses.filter((ip) => ip.includes(':'))];
}
