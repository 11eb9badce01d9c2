// Bootstrap: what every cluster has from its first moment: the system's namespaces, and the Services of the API and of DNS.
import { isDeepStrictEqual } from 'node:util';
import { ipv4, requireCidr } from '../apimachinery/cidr.js';
import { type Clock, rfc3339, rfc3339Day } from '../apimachinery/clock.js';
import type { Draft } from '../apimachinery/json.js';
import type { KubeObject, ObjectName } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import type { Client } from '../client/client.js';
import { configMaps } from '../kinds/core/configmap.js';
import { namespaces } from '../kinds/core/namespace.js';
import { services } from '../kinds/core/service.js';
import type { Kind } from '../kinds/define.js';
import { serviceCidrs } from '../kinds/networking/servicecidr.js';
import { priorityClasses, SYSTEM_PRIORITIES } from '../kinds/scheduling/priorityclass.js';
import type { ConfigMap, Service } from '../kinds/types/core_v1.js';
import {
  NAMESPACE_DEFAULT,
  NAMESPACE_NODE_LEASE,
  NAMESPACE_PUBLIC,
  NAMESPACE_SYSTEM,
  PORT_NODE_DNS,
  PORT_NODE_DNS_METRICS,
  TOKEN_TRACKING,
} from '../kinds/wellknown.js';
import { bootstrapObjects, DEFAULT_SERVICE_CIDR } from './bootstrap-objects.js';
import type { ApiServerOptions } from './options.js';

/** The common name of front proxies' certificates. */
export const FRONT_PROXY = 'front-proxy-client';
const NAMESPACES = [NAMESPACE_SYSTEM, NAMESPACE_DEFAULT, NAMESPACE_PUBLIC, NAMESPACE_NODE_LEASE];
const PRIORITY_TEXTS: { readonly [name: string]: string } = {
  'system-cluster-critical': 'For pods that the cluster cannot do without, on whichever node they are.',
  'system-node-critical': 'For pods that their node cannot do without.',
};
export const API_SERVICE = { namespace: NAMESPACE_DEFAULT, name: 'kubernetes' };
export const API_PORT_NAME = 'https';
/** Where in the service range the two well-known addresses are. */
const API_OFFSET = 1;
const DNS_OFFSET = 10;

export interface BootstrapOptions {
  readonly serviceCidr: string;
  /** Where this server listens, as seen from pods. */
  readonly port: number;
  readonly clock: Clock;
}

/** Makes what is missing; before requests are served, so that nobody else takes the well-known addresses. */
export async function bootstrap(client: Client, { serviceCidr, port, clock }: BootstrapOptions): Promise<void> {
  for (const name of NAMESPACES) await ensure(client, namespaces, { metadata: { name } });
  for (const [name, value] of Object.entries(SYSTEM_PRIORITIES)) {
    await ensure(client, priorityClasses, { metadata: { name }, value, description: PRIORITY_TEXTS[name] ?? '' });
  }
  const { base, text } = requireCidr(serviceCidr);
  await ensure(client, services, apiService(ipv4(base + API_OFFSET), port));
  await ensureDnsService(client, dnsService(ipv4(base + DNS_OFFSET)));
  await Promise.all(bootstrapObjects(text).map(({ kind, object }) => ensure(client, kind, object)));
  await ensure(client, configMaps, { metadata: TOKEN_TRACKING, data: { since: rfc3339Day(clock.now()) } });
  await sayReady(client, clock);
}

/** This server takes addresses from its range from the first moment on. */
async function sayReady(client: Client, clock: Clock): Promise<void> {
  const range = await client.get(serviceCidrs, { name: DEFAULT_SERVICE_CIDR });
  if (range.status?.conditions?.length) return;
  const message = 'Kubernetes default Service CIDR is ready';
  const condition = { type: 'Ready', status: 'True', reason: '', message, lastTransitionTime: rfc3339(clock.now()) };
  await client.patch(serviceCidrs, range.metadata, 'application/merge-patch+json', { status: { conditions: [condition] } }, 'status');
}

/** How aggregated API servers know this one, and whom its certificates vouch for: they read it under this name. */
export async function publishAuthentication(
  client: Client,
  { tls, requestHeaderCa }: Pick<ApiServerOptions, 'tls' | 'requestHeaderCa'>,
): Promise<void> {
  const data: { [key: string]: string } = { 'client-ca-file': tls.clientCa };
  if (requestHeaderCa) {
    Object.assign(data, {
      'requestheader-allowed-names': JSON.stringify([FRONT_PROXY]),
      'requestheader-client-ca-file': requestHeaderCa,
      'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
      'requestheader-uid-headers': '["X-Remote-Uid"]',
      'requestheader-username-headers': '["X-Remote-User"]',
    });
  }
  const wanted: Draft<ConfigMap> = { metadata: { namespace: NAMESPACE_SYSTEM, name: 'extension-apiserver-authentication' }, data };
  await replace(client, configMaps, wanted, (configMap) => configMap.data);
}

function apiService(clusterIP: string, targetPort: number): Draft<Service> {
  return {
    metadata: { ...API_SERVICE, labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: { type: 'ClusterIP', clusterIP, ports: [{ name: API_PORT_NAME, port: 443, protocol: 'TCP', targetPort }] },
  };
}

/** No selector: each node publishes its own DNS server, and Local sends a pod to the one of its node. */
function dnsService(clusterIP: string): Draft<Service> {
  const labels = { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' };
  return {
    metadata: { namespace: NAMESPACE_SYSTEM, name: 'kube-dns', labels },
    spec: {
      type: 'ClusterIP',
      clusterIP,
      internalTrafficPolicy: 'Local',
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP', targetPort: PORT_NODE_DNS },
        { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: PORT_NODE_DNS },
        { name: 'metrics', port: PORT_NODE_DNS_METRICS, protocol: 'TCP', targetPort: PORT_NODE_DNS_METRICS },
      ],
    },
  };
}

/** A Service of an earlier version gets the ports that have come since. With a selector it leads to somebody else's DNS and is left alone. */
async function ensureDnsService(client: Client, wanted: Draft<Service>): Promise<void> {
  const current = await find(client, services, nameOf(wanted));
  if (!current) return ensure(client, services, wanted);
  const { ports = [], selector = {} } = current.spec;
  const missing = (wanted.spec?.ports ?? []).filter((port) => !ports.some(({ name }) => name === port?.name));
  if (missing.length === 0 || Object.keys(selector).length > 0) return;
  await client.patch(services, nameOf(wanted), 'application/merge-patch+json', { spec: { ports: [...ports, ...missing] } });
}

async function ensure<T extends KubeObject>(client: Client, kind: Kind<T>, object: Draft<T>): Promise<void> {
  if (await find(client, kind, nameOf(object))) return;
  try {
    await client.create(kind, object);
  } catch (error) {
    // Another API server of the same cluster was faster.
    if (!isStatus(error, 'AlreadyExists')) throw error;
  }
}

/** Creates or updates, unless the `part` of it that counts is as wanted. */
export async function replace<T extends KubeObject>(
  client: Client,
  kind: Kind<T>,
  wanted: Draft<T>,
  part: (object: T) => unknown,
): Promise<void> {
  const current = await find(client, kind, nameOf(wanted));
  if (!current) return ensure(client, kind, wanted);
  if (!isDeepStrictEqual(part(current), part(wanted as unknown as T))) await client.update(kind, wanted);
}

const nameOf = (object: object) => (object as { metadata: ObjectName }).metadata;

async function find<T extends KubeObject>(client: Client, kind: Kind<T>, name: ObjectName): Promise<T | undefined> {
  try {
    return await client.get(kind, name);
  } catch (error) {
    if (isStatus(error, 'NotFound')) return undefined;
    throw error;
  }
}
