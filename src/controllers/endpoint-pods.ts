// What pods mean to a Service: which belong behind it, by which ports and addresses, in which state. Pure.
import { selectorOfMap } from '../apimachinery/labels.js';
import { objectKey } from '../apimachinery/object.js';
import { isPodReady, isPodTerminal, isSidecar } from '../kinds/core/podutil.js';
import { services } from '../kinds/core/service.js';
import type { Lister } from '../kinds/define.js';
import type { ObjectReference, Pod, Service, ServicePort } from '../kinds/types/core_v1.js';

export const LABEL_HEADLESS = 'service.kubernetes.io/headless';

/** A Service port as one pod serves it. */
export interface ResolvedPort {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
  readonly appProtocol?: string;
}

/** Services without a selector have their endpoints from elsewhere; an ExternalName has none. */
export function hasManagedEndpoints(service: Service): boolean {
  return Object.keys(service.spec.selector ?? {}).length > 0 && service.spec.type !== 'ExternalName';
}

/** As a controller's mapping: keys of the Services that select the pod. */
export function servicesOf(pod: Pod, lister: Lister): readonly string[] {
  const all = lister.list(services, pod.metadata.namespace).filter(hasManagedEndpoints);
  return all.filter((service) => selectorOfMap(service.spec.selector).matches(pod.metadata.labels)).map(objectKey);
}

/** Selected pods that have an address and are not over, in the order of their names. */
export function podsBehind(service: Service, all: readonly Pod[]): readonly Pod[] {
  const selector = selectorOfMap(service.spec.selector);
  const behind = all.filter((pod) => pod.status.podIP && !isPodTerminal(pod) && selector.matches(pod.metadata.labels));
  return behind.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

/** The Service's ports on this pod; a named target port that the pod does not have is left out. */
export function resolvePorts(service: Service, pod: Pod): readonly ResolvedPort[] {
  return (service.spec.ports ?? []).flatMap((servicePort) => {
    const port = targetPort(servicePort, pod);
    if (port === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    return [{ name, protocol, port, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

function targetPort({ port, targetPort: target, protocol = 'TCP' }: ServicePort, pod: Pod): number | undefined {
  if (typeof target === 'number') return target || port;
  if (target === undefined || target === '') return port;
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isSidecar)];
  const named = containers.flatMap(({ ports }) => ports ?? []).find((p) => p.name === target && (p.protocol ?? 'TCP') === protocol);
  return named?.containerPort;
}

export interface EndpointState {
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}

export function stateOf(service: Service, pod: Pod): EndpointState {
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  return { ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating), serving, terminating };
}

export function podReference({ metadata }: Pod): ObjectReference {
  return { kind: 'Pod', ...(metadata.namespace ? { namespace: metadata.namespace } : {}), name: metadata.name, uid: metadata.uid };
}

/** A pod with a subdomain of the Service's name has a DNS name of its own behind it. */
export function hostnameOf(service: Service, pod: Pod): string | undefined {
  return pod.spec.hostname && pod.spec.subdomain === service.metadata.name ? pod.spec.hostname : undefined;
}

/** A Service's own labels as its endpoints carry them on. */
export function copiedLabels(service: Service): { readonly [name: string]: string } {
  const { [LABEL_HEADLESS]: _, ...labels } = service.metadata.labels ?? {};
  return service.spec.clusterIP === 'None' ? { ...labels, [LABEL_HEADLESS]: '' } : labels;
}
