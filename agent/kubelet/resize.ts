// In-place resize, the pure parts: what a pod was given of what it asks for, what that changes in its containers, and how it is told.
import { sameJson } from '../../src/kinds/checks.js';
import { isSidecar, podRequests } from '../../src/kinds/core/podutil.js';
import type { Container, ContainerStatus, Pod, ResourceRequirements } from '../../src/kinds/types/core_v1.js';
import type { ContainerResources } from '../runtime/config.js';
import type { RuntimeContainer, RuntimePod } from '../runtime/runtime.js';
import type { Amounts } from './allocatable.js';
import { latestContainers } from './sync-pod.js';

/** Containers' resources, by their names. */
export type Allocation = ReadonlyMap<string, ResourceRequirements>;

/** Why the pod has not been given what it asks for now. */
export interface ResizePending {
  readonly reason: 'Deferred' | 'Infeasible';
  readonly message: string;
}

const RESIZED = ['cpu', 'memory'] as const;

export const allContainers = ({ spec }: Pod): readonly Container[] => [...spec.containers, ...(spec.initContainers ?? [])];

export const requested = (pod: Pod): Allocation => new Map(allContainers(pod).map(({ name, resources }) => [name, resources ?? {}]));

/** What it was given before this agent came: what its containers have, while a resize is pending. */
export function allocationFromStatus(pod: Pod): Allocation {
  if (!pod.status.conditions?.some(({ type }) => type === 'PodResizePending')) return requested(pod);
  const statuses: readonly ContainerStatus[] = [...(pod.status.containerStatuses ?? []), ...(pod.status.initContainerStatuses ?? [])];
  const given = new Map(statuses.map(({ name, resources }) => [name, resources]));
  return new Map(allContainers(pod).map(({ name, resources }) => [name, given.get(name) ?? resources ?? {}]));
}

/** The pod as if it asked for what it was given. */
export function withAllocation(pod: Pod, allocation: Allocation): Pod {
  if (isGiven(pod, allocation)) return pod;
  const give = (container: Container) => ({ ...container, resources: allocation.get(container.name) ?? container.resources ?? {} });
  const { containers, initContainers } = pod.spec;
  return {
    ...pod,
    spec: { ...pod.spec, containers: containers.map(give), ...(initContainers ? { initContainers: initContainers.map(give) } : {}) },
  };
}

export function isGiven(pod: Pod, allocation: Allocation): boolean {
  return allContainers(pod).every(({ name, resources }) => sameJson(resources ?? {}, allocation.get(name) ?? {}));
}

/** More than the whole node has. */
export function infeasible(pod: Pod, allocatable: Amounts): ResizePending | undefined {
  const requests = podRequests(pod);
  for (const resource of ['memory', 'cpu']) {
    const [wanted, capacity] = [requests.get(resource) ?? 0, allocatable.get(resource) ?? 0];
    if (wanted <= capacity) continue;
    const message = `Node didn't have enough capacity: ${resource}, requested: ${wanted}, capacity: ${capacity}`;
    return { reason: 'Infeasible', message };
  }
  return undefined;
}

export interface ResizeActions {
  readonly update: readonly { readonly container: RuntimeContainer; readonly resources: ContainerResources }[];
  /** Their policy is that they start anew for it. */
  readonly restart: readonly RuntimeContainer[];
}

/** What running containers lack of what they are to have. */
export function resizeActions(pod: Pod, observed: RuntimePod, wantedOf: (container: Container) => ContainerResources): ResizeActions {
  const latest = latestContainers(observed);
  const update: { container: RuntimeContainer; resources: ContainerResources }[] = [];
  const restart: RuntimeContainer[] = [];
  for (const spec of [...pod.spec.containers, ...(pod.spec.initContainers ?? []).filter(isSidecar)]) {
    const container = latest.get(spec.name);
    if (container?.state !== 'running') continue;
    const resources = wantedOf(spec);
    const changed = RESIZED.filter((resource) => !isSame(resource, resources, container.resources));
    if (changed.length === 0) continue;
    const restarts = spec.resizePolicy?.some(
      (one) => one.restartPolicy === 'RestartContainer' && changed.some((c) => c === one.resourceName),
    );
    if (restarts) restart.push(container);
    else update.push({ container, resources });
  }
  return { update, restart };
}

export type ActualResources = Pick<ContainerResources, 'cpuShares' | 'cpuQuota_us' | 'memory_bytes'>;

function isSame(resource: (typeof RESIZED)[number], a: ActualResources, b: ActualResources): boolean {
  return resource === 'memory' ? a.memory_bytes === b.memory_bytes : a.cpuShares === b.cpuShares && a.cpuQuota_us === b.cpuQuota_us;
}

/** As events tell it: `Pod resize started: {...}`. */
export function resizeMessage(what: string, pod: Pod, error?: string): string {
  const each = ({ name, resources }: Container) => ({ name, resources: inOrder(resources) });
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar);
  const summary = {
    ...(sidecars.length > 0 ? { initContainers: sidecars.map(each) } : {}),
    containers: pod.spec.containers.map(each),
    generation: pod.metadata.generation,
    ...(error ? { error } : {}),
  };
  return `Pod resize ${what}: ${JSON.stringify(summary)}`;
}

/** Go writes a map's keys in their order. */
function inOrder({ limits, requests }: ResourceRequirements = {}) {
  const sorted = (amounts: object) => Object.fromEntries(Object.entries(amounts).sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...(limits ? { limits: sorted(limits) } : {}), ...(requests ? { requests: sorted(requests) } : {}) };
}
