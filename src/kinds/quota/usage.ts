// quotaUsage: what one object counts for in a ResourceQuota, by upstream's evaluators: pods, Services, volume claims, and any kind by number.
import type { KubeObject } from '../../apimachinery/object.js';
import { withHeldRequests } from '../core/held-resources.js';
import { persistentVolumeClaims } from '../core/persistentvolumeclaim.js';
import { pods } from '../core/pod.js';
import { isPodTerminal, podLimits, podRequests, resourceAmount } from '../core/podutil.js';
import { services } from '../core/service.js';
import type { AnyKind } from '../define.js';
import type { PersistentVolumeClaim, Pod, Service } from '../types/core_v1.js';

/** Amounts by the quota's resource names, in `resourceAmount` units. */
export type Usage = ReadonlyMap<string, number>;

/** Kinds that a quota counts by their plain name too, not only as `count/<resource>.<group>`. */
const PLAIN_NAMES: readonly string[] = [
  'pods',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'resourcequotas',
];
/** Requests of these count under their own names too, without `requests.`. */
const SHORT_NAMES: readonly string[] = ['cpu', 'memory', 'ephemeral-storage'];
const STORAGE_CLASS_SUFFIX = '.storageclass.storage.k8s.io';

const countName = ({ plural, group }: AnyKind) => `count/${plural}${group && `.${group}`}`;

/** The resources that `kind` could count for, besides those that only its objects tell (extended resources, storage classes). */
export function countsFor(kind: AnyKind, resource: string): boolean {
  if (resource === countName(kind)) return true;
  if (kind.group === '' && resource === kind.plural && PLAIN_NAMES.includes(resource)) return true;
  if (kind === pods) return isComputeResource(resource);
  if (kind === services) return resource.startsWith('services.');
  if (kind === persistentVolumeClaims) return resource === 'requests.storage' || resource.includes(`${STORAGE_CLASS_SUFFIX}/`);
  return false;
}

/** What a pod's containers ask for. */
export function isComputeResource(resource: string): boolean {
  if (SHORT_NAMES.includes(resource) || resource.startsWith('hugepages-')) return true;
  return /^(requests|limits)\./.test(resource) && resource !== 'requests.storage';
}

export function quotaUsage(kind: AnyKind, object: KubeObject): Usage {
  const usage = new Map<string, number>([[countName(kind), 1]]);
  if (kind === pods) addPod(usage, object as Pod);
  else if (kind === services) addService(usage, object as Service);
  else if (kind === persistentVolumeClaims) addClaim(usage, object as PersistentVolumeClaim);
  else if (kind.group === '' && PLAIN_NAMES.includes(kind.plural)) usage.set(kind.plural, 1);
  return usage;
}

/** A pod that is over takes part in nothing but its number of objects. */
function addPod(usage: Map<string, number>, pod: Pod): void {
  if (isPodTerminal(pod)) return;
  usage.set('pods', 1);
  for (const [resource, amount] of podRequests(withHeldRequests(pod))) {
    usage.set(`requests.${resource}`, amount);
    if (SHORT_NAMES.includes(resource) || resource.startsWith('hugepages-')) usage.set(resource, amount);
  }
  for (const [resource, amount] of podLimits(pod)) usage.set(`limits.${resource}`, amount);
}

function addService(usage: Map<string, number>, { spec }: Service): void {
  const ports = spec.ports ?? [];
  usage.set('services', 1);
  const allocates = spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
  if (spec.type === 'LoadBalancer') usage.set('services.loadbalancers', 1);
  // A load balancer without allocation may still name ports of its own.
  const nodePorts = allocates ? ports.length : ports.filter(({ nodePort }) => nodePort).length;
  if (nodePorts > 0) usage.set('services.nodeports', nodePorts);
}

function addClaim(usage: Map<string, number>, { spec, metadata }: PersistentVolumeClaim): void {
  usage.set('persistentvolumeclaims', 1);
  const storage = resourceAmount('requests.storage', spec.resources?.requests?.['storage'] ?? 0);
  usage.set('requests.storage', storage);
  const className = metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec.storageClassName;
  if (!className) return;
  usage.set(`${className}${STORAGE_CLASS_SUFFIX}/requests.storage`, storage);
  usage.set(`${className}${STORAGE_CLASS_SUFFIX}/persistentvolumeclaims`, 1);
}
