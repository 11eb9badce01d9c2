// What policies are judged by: pods with their addresses, the labels of namespaces, and this node.
import type { Labels } from '../../src/apimachinery/labels.js';
import { objectKey } from '../../src/apimachinery/object.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import { isIPv4 } from '../proxy/net.js';

/** A pod with an address of its own: one on the node's network is the node, for which policies do not hold. */
export interface PolicyPod {
  /** `namespace/name`. */
  readonly key: string;
  readonly ip: string;
  readonly pod: Pod;
}

export interface World {
  readonly nodeName: string;
  /** All pods' addresses. */
  readonly clusterCidr: string;
  /** Where pods ask for names; what answers there counts as a pod `k8s-app: kube-dns` of kube-system, whatever it really is. */
  readonly dnsIp: string;
  /** By namespace, each list in the order of names. */
  readonly pods: ReadonlyMap<string, readonly PolicyPod[]>;
  readonly namespaces: ReadonlyMap<string, Labels>;
}

/** Undefined where no policy can concern the pod: it has no address (any more), or only the node's. */
export function policyPod(pod: Pod, knownIp?: string): PolicyPod | undefined {
  const { spec, status } = pod;
  if (spec.hostNetwork || status?.phase === 'Succeeded' || status?.phase === 'Failed') return undefined;
  const ip = status?.podIP || knownIp;
  return ip && isIPv4(ip) ? { key: objectKey(pod), ip, pod } : undefined;
}

export function byNamespace(pods: readonly PolicyPod[]): ReadonlyMap<string, readonly PolicyPod[]> {
  const all = new Map<string, PolicyPod[]>();
  for (const entry of [...pods].sort((a, b) => (a.key < b.key ? -1 : 1))) {
    const namespace = entry.pod.metadata.namespace!;
    const list = all.get(namespace);
    if (list) list.push(entry);
    else all.set(namespace, [entry]);
  }
  return all;
}
