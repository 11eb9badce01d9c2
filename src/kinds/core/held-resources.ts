// What a pod takes of its node and of quotas while it is resized: of what it asks for, was given and still has, the most. Pure.
import type { Container, ContainerStatus, Pod } from '../types/core_v1.js';
import { podCondition, resourceAmount } from './podutil.js';

type ResourceList = { readonly [resource: string]: string | number };

/** The pod as if its containers asked for all that they take; the pod itself where they take what they ask for. */
export function withHeldRequests(pod: Pod): Pick<Pod, 'spec'> {
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  if (statuses.length === 0) return pod;
  const infeasible = podCondition(pod, 'PodResizePending')?.reason === 'Infeasible';
  const held = (container: Container) =>
    withHeld(
      container,
      statuses.find(({ name }) => name === container.name),
      infeasible,
    );
  const { spec } = pod;
  const [containers, initContainers] = [spec.containers.map(held), spec.initContainers?.map(held)];
  const isSame = (all: readonly Container[] = [], before: readonly Container[] = []) => all.every((one, i) => one === before[i]);
  if (isSame(containers, spec.containers) && isSame(initContainers, spec.initContainers)) return pod;
  return { spec: { ...spec, containers, ...(initContainers && { initContainers }) } };
}

/** What it will never be given (`infeasible`) it does not take. */
function withHeld(container: Container, status: ContainerStatus | undefined, infeasible: boolean): Container {
  const own: ResourceList = container.resources?.requests ?? {};
  const held: ResourceList[] = [status?.allocatedResources, status?.resources?.requests].filter((one) => one !== undefined);
  if (held.length === 0) return container;
  const isAsked = (list: ResourceList) => Object.entries(list).every(([resource, quantity]) => own[resource] === quantity);
  if (!infeasible && held.every(isAsked)) return container;
  const requests = most(infeasible ? held : [own, ...held]) as { readonly [resource: string]: string };
  return { ...container, resources: { ...container.resources, requests } };
}

function most(lists: readonly ResourceList[]): ResourceList {
  const all: { [resource: string]: string | number } = {};
  for (const [resource, quantity] of lists.flatMap((list) => Object.entries(list))) {
    const known = all[resource];
    if (known === undefined || resourceAmount(resource, quantity) > resourceAmount(resource, known)) all[resource] = quantity;
  }
  return all;
}
