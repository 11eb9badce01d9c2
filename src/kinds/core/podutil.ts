// Questions asked of any pod by more than one component: is it ready, over, still counted; what does it request.
import { milliValue, parseQuantity } from '../../apimachinery/quantity.js';
import type { Container, Pod, PodCondition, PodSpec } from '../types/core_v1.js';
import { ANNOTATION_CONFIG_SOURCE, ANNOTATION_MIRROR_POD } from '../wellknown.js';

type ResourceList = { readonly [resource: string]: string | number };

/** A resource's amount as an integer that sums exactly: millicores for cpu, whole units (bytes, pieces) for the rest. */
export function resourceAmount(resource: string, quantity: string | number): number {
  return Math.ceil(isCpu(resource) ? milliValue(quantity) : parseQuantity(quantity));
}

/** `cpu`, and quota's `requests.cpu` and `limits.cpu`. */
function isCpu(resource: string): boolean {
  return resource === 'cpu' || resource.endsWith('.cpu');
}

/** The pod's condition of that type. */
export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return pod.status.conditions?.find((condition) => condition.type === type);
}

export function isPodReady(pod: Pod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True';
}

/** Its containers have all ended for good: Succeeded or Failed. */
export function isPodTerminal(pod: Pod): boolean {
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed';
}

/** Counts towards a controller's replicas: not over, and not being deleted. */
export function isPodActive(pod: Pod): boolean {
  return !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined;
}

/** Upstream's system-cluster-critical and above. */
const PRIORITY_CRITICAL = 2_000_000_000;

/** The node itself does without it only for a moment: never evicted, and ended last. Static pods are, too. */
export function isCriticalPod({ metadata, spec }: Pod): boolean {
  const { [ANNOTATION_MIRROR_POD]: mirror, [ANNOTATION_CONFIG_SOURCE]: source = 'api' } = metadata.annotations ?? {};
  return mirror !== undefined || source !== 'api' || (spec.priority ?? 0) >= PRIORITY_CRITICAL;
}

export const isNodeCritical = ({ priorityClassName }: PodSpec) => priorityClassName === 'system-node-critical';

/** An init container that keeps running beside the others (a sidecar). */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/** All containers that a pod's spec names, init containers first; also of a spec that is not validated yet. */
export function allContainers(spec: PodSpec): readonly Container[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
}

/**
 * What the pod needs of each resource, in `resourceAmount` units: millicores of cpu, bytes of memory. `missing` stands for what a container
 * does not say.
 */
export function podRequests(pod: { readonly spec: PodSpec }, missing?: ResourceList): Map<string, number> {
  const requests = podResources(pod.spec, ({ resources }) => (missing ? { ...missing, ...resources?.requests } : resources?.requests));
  override(requests, pod.spec.resources?.requests);
  add(requests, amounts(pod.spec.overhead));
  return requests;
}

/** As `podRequests`, for limits. Containers without a limit add nothing. */
export function podLimits(pod: { readonly spec: PodSpec }): Map<string, number> {
  const limits = podResources(pod.spec, (container) => container.resources?.limits);
  override(limits, pod.spec.resources?.limits);
  // Overhead comes on top of a limit; it does not set one.
  for (const [resource, amount] of amounts(pod.spec.overhead)) if (limits.has(resource)) add(limits, new Map([[resource, amount]]));
  return limits;
}

/**
 * The containers run together, so they add up; init containers run one after the other before them, each beside the
 * sidecars started so far, so the largest of those moments counts where it is larger than the sum.
 */
function podResources(spec: PodSpec, of: (container: Container) => ResourceList | undefined): Map<string, number> {
  const total = new Map<string, number>();
  for (const container of spec.containers) add(total, amounts(of(container)));
  const sidecars = new Map<string, number>();
  const peak = new Map<string, number>();
  for (const container of spec.initContainers ?? []) {
    const moment = amounts(of(container));
    if (isSidecar(container)) add(total, moment);
    add(moment, sidecars);
    if (isSidecar(container)) add(sidecars, amounts(of(container)));
    raise(peak, moment);
  }
  raise(total, peak);
  return total;
}

function amounts(list: ResourceList | undefined): Map<string, number> {
  return new Map(Object.entries(list ?? {}).map(([resource, quantity]) => [resource, resourceAmount(resource, quantity)]));
}

function add(total: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [resource, amount] of more) total.set(resource, (total.get(resource) ?? 0) + amount);
}

/** What a pod as a whole is to have stands above the sum of its containers'. */
function override(total: Map<string, number>, ofPod: ResourceList | undefined): void {
  for (const [resource, amount] of amounts(ofPod)) total.set(resource, amount);
}

function raise(total: Map<string, number>, floor: ReadonlyMap<string, number>): void {
  for (const [resource, amount] of floor) total.set(resource, Math.max(total.get(resource) ?? 0, amount));
}
