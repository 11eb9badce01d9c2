// Which of a pod's containers a request is about: by the API's pod, then by the runtime's containers.
import { badRequest, notFound, StatusError } from '../../src/apimachinery/status.js';
import { pods } from '../../src/kinds/core/pod.js';
import { allContainers } from '../../src/kinds/core/podutil.js';
import type { Pod } from '../../src/kinds/types/core_v1.js';
import { shouldRestart } from '../kubelet/sync-pod.js';
import type { ContainerRuntime, RuntimeContainer } from '../runtime/runtime.js';

export interface PodLookup {
  pods(): readonly Pod[];
  pod(namespace: string, name: string): Pod | undefined;
}

export interface ContainerName {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** Newest first. Throws a StatusError where there is no such pod or container. */
async function runs(
  name: ContainerName,
  lookup: PodLookup,
  runtime: ContainerRuntime,
): Promise<{ pod: Pod; runs: readonly RuntimeContainer[] }> {
  const pod = lookup.pod(name.namespace, name.pod);
  if (!pod) throw notFound(pods.groupResource, name.pod);
  if (!allContainers(pod.spec).some((container) => container.name === name.container)) {
    throw badRequest(`container ${name.container} is not valid for pod ${name.pod}`);
  }
  const { containers } = await runtime.podStatus(pod.metadata.uid);
  return { pod, runs: containers.filter((container) => container.name === name.container && container.state !== 'created') };
}

export async function runningContainer(name: ContainerName, lookup: PodLookup, runtime: ContainerRuntime): Promise<RuntimeContainer> {
  const { runs: all } = await runs(name, lookup, runtime);
  const running = all[0]?.state === 'running' ? all[0] : undefined;
  if (!running) throw new StatusError(404, 'NotFound', `container not found ("${name.container}")`);
  return running;
}

/** For logs: the newest run, or with `previous` the one before it, which is the newest itself while that waits to be started again. */
export async function loggedContainer(
  name: ContainerName,
  previous: boolean,
  lookup: PodLookup,
  runtime: ContainerRuntime,
): Promise<RuntimeContainer> {
  const { pod, runs: all } = await runs(name, lookup, runtime);
  const [latest, before] = all;
  if (!previous) {
    if (latest) return latest;
    const statuses = [...(pod.status.initContainerStatuses ?? []), ...(pod.status.containerStatuses ?? [])];
    const reason = statuses.find((status) => status.name === name.container)?.state?.waiting?.reason ?? 'ContainerCreating';
    throw badRequest(`container "${name.container}" in pod "${name.pod}" is waiting to start: ${reason}`);
  }
  const isWaiting = latest?.state === 'exited' && shouldRestart(pod, latest);
  const found = before ?? (isWaiting ? latest : undefined);
  if (!found) throw badRequest(`previous terminated container "${name.container}" in pod "${name.pod}" not found`);
  return found;
}
