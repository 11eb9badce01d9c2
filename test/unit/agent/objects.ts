// Objects for tests of the node's network: Services, their slices and Nodes, with what matters said and the rest filled in.
import type { NodeContext } from '../../../agent/proxy/port-rules.js';
import type { ObjectMeta } from '../../../src/apimachinery/types/meta_v1.js';
import type { Namespace, Node, Pod, PodSpec, Service, ServiceSpec } from '../../../src/kinds/types/core_v1.js';
import type { Endpoint, EndpointSlice } from '../../../src/kinds/types/discovery_v1.js';
import type { NetworkPolicy, NetworkPolicySpec, ServiceCIDR } from '../../../src/kinds/types/networking_v1.js';

const meta = (name: string, namespace?: string): ObjectMeta => ({
  name,
  ...(namespace ? { namespace } : {}),
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
});

export function service(name: string, spec: ServiceSpec, namespace = 'default'): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(name, namespace),
    spec: { type: 'ClusterIP', ...spec },
    status: { loadBalancer: {} },
  };
}

/** A node of the network 10.244.0.0/16, its own pods in 10.244.0.0/24. */
export const nodeContext = (more: Partial<NodeContext> = {}): NodeContext => ({
  nodeName: 'node-0',
  zone: undefined,
  nodeIp: '192.168.1.10',
  clusterCidr: '10.244.0.0/16',
  podCidr: '10.244.0.0/24',
  nodePortAddresses: [],
  localhostNodePorts: true,
  masqueradeAll: false,
  masqueradeBit: 14,
  missing: new Set(),
  ...more,
});

export interface TestEndpoint {
  ip: string;
  node?: string;
  pod?: string;
  hostname?: string;
  ready?: boolean;
  serving?: boolean;
  terminating?: boolean;
  hints?: Endpoint['hints'];
}

export function slice(
  serviceName: string,
  endpoints: readonly TestEndpoint[],
  ports: EndpointSlice['ports'] = [{ name: '', protocol: 'TCP', port: 8080 }],
  { namespace = 'default', name = `${serviceName}-abc` } = {},
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...meta(name, namespace), labels: { 'kubernetes.io/service-name': serviceName } },
    addressType: 'IPv4',
    endpoints: endpoints.map(endpoint),
    ports,
  };
}

function endpoint({ ip, node, pod, hostname, ready = true, serving = ready, terminating = false, hints }: TestEndpoint): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready, serving, terminating },
    ...(node ? { nodeName: node } : {}),
    ...(hostname ? { hostname } : {}),
    ...(hints ? { hints } : {}),
    ...(pod ? { targetRef: { kind: 'Pod', namespace: 'default', name: pod } } : {}),
  };
}

export function node(name: string, ip: string, podCIDR?: string): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: meta(name),
    spec: podCIDR ? { podCIDR, podCIDRs: [podCIDR] } : {},
    status: { addresses: [{ type: 'InternalIP', address: ip }], daemonEndpoints: {} as never, nodeInfo: {} as never },
  };
}

export function serviceCidr(...cidrs: string[]): ServiceCIDR {
  return { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: meta('kubernetes'), spec: { cidrs }, status: {} };
}

export function namespace(name: string, labels: { readonly [key: string]: string } = {}): Namespace {
  const metadata = { ...meta(name), labels: { 'kubernetes.io/metadata.name': name, ...labels } };
  return { apiVersion: 'v1', kind: 'Namespace', metadata, spec: {}, status: {} } as Namespace;
}

export interface TestPod {
  ip?: string;
  node?: string;
  namespace?: string;
  labels?: { readonly [key: string]: string };
  spec?: Partial<PodSpec>;
  phase?: string;
}

export function pod(name: string, { ip, node, namespace = 'default', labels, spec = {}, phase = 'Running' }: TestPod): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...meta(name, namespace), ...(labels ? { labels } : {}) },
    spec: { containers: [], ...(node ? { nodeName: node } : {}), ...spec },
    status: { phase, ...(ip ? { podIP: ip, podIPs: [{ ip }] } : {}) },
  } as unknown as Pod;
}

export function networkPolicy(name: string, spec: Partial<NetworkPolicySpec>, namespace = 'default'): NetworkPolicy {
  const metadata = meta(name, namespace);
  return { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata, spec: { podSelector: {}, ...spec } };
}
