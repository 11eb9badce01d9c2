// Watches Services and pods; keeps each Service's Endpoints: the older, one-object form of its endpoint slices.
import { isBeingDeleted, parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { endpoints as endpointsKind } from '../kinds/core/endpoints.js';
import { pods } from '../kinds/core/pod.js';
import { services } from '../kinds/core/service.js';
import type { EndpointAddress, EndpointSubset, Endpoints, Pod, Service } from '../kinds/types/core_v1.js';
import { defineController, type ReconcileContext } from './define.js';
import {
  copiedLabels,
  hasManagedEndpoints,
  hostnameOf,
  podReference,
  podsBehind,
  resolvePorts,
  servicesOf,
  stateOf,
} from './endpoint-pods.js';
import { findLive } from './find-live.js';

/** As upstream's: one object must stay small enough to be written and read whole at each change of a pod. */
const MAX_ADDRESSES = 1000;
const ANNOTATION_OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';
const LABEL_MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
const MANAGED_BY = 'endpoint-controller';

export const endpoints = defineController({
  name: 'endpoints',
  eventSource: 'endpoint-controller',
  serviceAccount: 'endpoint-controller',
  inputs: [services, pods.mapped(servicesOf), endpointsKind],
  outputs: [endpointsKind],
  async reconcile(key, context) {
    const name = parseKey(key);
    const service = context.get(services, name);
    const existing = context.get(endpointsKind, name);
    if (!service) return existing && deleteEndpoints(context, existing);
    if (isBeingDeleted(service) || !hasManagedEndpoints(service)) return;
    const behind = podsBehind(service, context.list(pods, service.metadata.namespace)).filter((pod) => !isBeingDeleted(pod));
    const wanted = {
      labels: { ...copiedLabels(service), [LABEL_MANAGED_BY]: MANAGED_BY },
      annotations: annotationsOf(existing, behind.length > MAX_ADDRESSES),
      subsets: subsetsOf(service, readyFirst(service, behind).slice(0, MAX_ADDRESSES)),
    };
    await write(context, service, existing, wanted);
  },
});

/** Where there are too many, those that can be used are kept. */
function readyFirst(service: Service, behind: readonly Pod[]): readonly Pod[] {
  if (behind.length <= MAX_ADDRESSES) return behind;
  const isReady = (pod: Pod) => stateOf(service, pod).ready;
  return [...behind.filter(isReady), ...behind.filter((pod) => !isReady(pod))];
}

interface Wanted {
  readonly labels: { readonly [name: string]: string };
  readonly annotations: { readonly [name: string]: string };
  readonly subsets: readonly EndpointSubset[];
}

async function write({ client }: ReconcileContext, service: Service, existing: Endpoints | undefined, wanted: Wanted): Promise<void> {
  const { labels, annotations, subsets } = wanted;
  const { name, namespace } = service.metadata;
  if (!existing) {
    await client.create(endpointsKind, { metadata: { name, ...(namespace ? { namespace } : {}), labels, annotations }, subsets });
  } else if (
    contentKey(existing.metadata.labels, existing.metadata.annotations, existing.subsets) !== contentKey(labels, annotations, subsets)
  ) {
    await client.update(endpointsKind, { ...existing, metadata: { ...existing.metadata, labels, annotations }, subsets });
  }
}

/** The Service is asked for live: a cache that lags behind must not cost what somebody keeps by hand. */
async function deleteEndpoints({ client }: ReconcileContext, { metadata }: Endpoints): Promise<void> {
  if (metadata.deletionTimestamp !== undefined || (await findLive(client, services, metadata))) return;
  try {
    await client.delete(endpointsKind, metadata, { preconditions: { uid: metadata.uid } });
  } catch (error) {
    if (!isStatus(error, 'NotFound')) throw error;
  }
}

function annotationsOf(existing: Endpoints | undefined, overCapacity: boolean): { readonly [name: string]: string } {
  const { [ANNOTATION_OVER_CAPACITY]: _, ...others } = existing?.metadata.annotations ?? {};
  return overCapacity ? { ...others, [ANNOTATION_OVER_CAPACITY]: 'truncated' } : others;
}

/** The pods by the ports they serve, ready and not; in a fixed order, so that equal states are equal objects. Pure. */
export function subsetsOf(service: Service, behind: readonly Pod[]): readonly EndpointSubset[] {
  const groups = new Map<string, { subset: EndpointSubset; ready: EndpointAddress[]; notReady: EndpointAddress[] }>();
  for (const pod of behind) {
    const ports = resolvePorts(service, pod).map((port) => {
      const { name, ...unnamed } = port;
      return name ? port : unnamed;
    });
    // Without a port there is nothing to reach, except that a headless Service without ports still names its pods.
    if (ports.length === 0 && (service.spec.ports ?? []).length > 0) continue;
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { subset: { ports }, ready: [], notReady: [] };
    groups.set(key, group);
    (stateOf(service, pod).ready ? group.ready : group.notReady).push(addressOf(service, pod));
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { subset, ready, notReady }]) => ({
      ...(ready.length > 0 ? { addresses: ready.sort(byAddress) } : {}),
      ...(notReady.length > 0 ? { notReadyAddresses: notReady.sort(byAddress) } : {}),
      ...subset,
    }));
}

function addressOf(service: Service, pod: Pod): EndpointAddress {
  const hostname = hostnameOf(service, pod);
  return {
    ip: pod.status.podIP!,
    ...(hostname ? { hostname } : {}),
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: podReference(pod),
  };
}

const byAddress = (a: EndpointAddress, b: EndpointAddress) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : 0);

type StringMap = { readonly [name: string]: string } | undefined;

/** The parts that this controller writes, as text in one order whatever order storage gives the fields. */
function contentKey(labels: StringMap, annotations: StringMap, subsets: readonly EndpointSubset[] | undefined): string {
  const address = ({ ip, hostname, nodeName, targetRef }: EndpointAddress) => [ip, hostname, nodeName, targetRef?.name, targetRef?.uid];
  const fields = (subsets ?? []).map(({ addresses = [], notReadyAddresses = [], ports = [] }) => [
    addresses.map(address),
    notReadyAddresses.map(address),
    ports.map(({ name = '', port, protocol = 'TCP', appProtocol }) => [name, port, protocol, appProtocol]),
  ]);
  return JSON.stringify([Object.entries(labels ?? {}).sort(), Object.entries(annotations ?? {}).sort(), fields]);
}
