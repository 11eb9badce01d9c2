// Which of a pod's containers a request is about: by the API's pod, then by the runtime's containers. Errors are the kubelet's upstream.
import { badRequest, StatusError } from '../../src/apimachinery/status.js';
import { isPodTerminal } from '../../src/kinds/core/podutil.js';
import type { ContainerStatus, Pod } from '../../src/kinds/types/core_v1.js';
import { willRestart } from '../kubelet/restart-policy.js';
import type { ContainerRuntime, RuntimeContainer } from '../runtime/runtime.js';
import type { ContainerName, PodName } from './query.js';

export interface PodLookup {
  pods(): readonly Pod[];
  pod(namespace: string, name: string): Pod | undefined;
}

const text = (code: number, message: string) => new StatusError(code, code === 404 ? 'NotFound' : 'InternalError', message);

function podOf({ namespace, pod: name }: PodName, lookup: PodLookup): Pod {
  const pod = lookup.pod(namespace, name);
  if (!pod) throw text(404, 'pod does not exist');
  return pod;
}

/** Newest first. */
async function runsOf(pod: Pod, name: string, runtime: ContainerRuntime): Promise<readonly RuntimeContainer[]> {
  const { containers } = await runtime.podStatus(pod.metadata.uid);
  return containers.filter((container) => container.name === name && container.state !== 'created');
}

export async function runningContainer(name: ContainerName, lookup: PodLookup, runtime: ContainerRuntime): Promise<RuntimeContainer> {
  const [newest] = await runsOf(podOf(name, lookup), name.container, runtime);
  if (newest?.state !== 'running') throw text(500, `container not found (${JSON.stringify(name.container)})`);
  return newest;
}

export async function runningSandbox(
  name: PodName,
  lookup: PodLookup,
  runtime: ContainerRuntime,
): Promise<{ uid: string; sandboxId: string }> {
  const pod = podOf(name, lookup);
  const { sandboxes } = await runtime.podStatus(pod.metadata.uid);
  const sandbox = sandboxes.find(({ ready }) => ready);
  if (!sandbox || isPodTerminal(pod))
    throw text(500, `unable to forward port because pod is not running. Current status=${pod.status.phase}`);
  return { uid: pod.metadata.uid, sandboxId: sandbox.id };
}

/** For logs: the newest run, or with `previous` the one before it, which is the newest itself while that waits to be started again. */
export async function loggedContainer(
  name: ContainerName,
  previous: boolean,
  lookup: PodLookup,
  runtime: ContainerRuntime,
): Promise<RuntimeContainer> {
  const pod = podOf(name, lookup);
  const { initContainers = [], containers, ephemeralContainers = [] } = pod.spec;
  if (![...initContainers, ...containers, ...ephemeralContainers].some((container) => container.name === name.container)) {
    throw text(404, `container ${JSON.stringify(name.container)} not found in pod ${JSON.stringify(name.pod)}`);
  }
  const [latest, before] = await runsOf(pod, name.container, runtime);
  const about = `container ${JSON.stringify(name.container)} in pod ${JSON.stringify(name.pod)}`;
  if (!previous) {
    if (latest) return latest;
    throw badRequest(`${about} is waiting to start: ${waitsFor(statusOf(pod, name.container))}`);
  }
  const isWaiting = latest?.state === 'exited' && willRestart(pod, latest);
  const found = before ?? (isWaiting ? latest : undefined);
  if (!found) throw badRequest(`previous terminated ${about} not found`);
  return found;
}

function statusOf({ status }: Pod, name: string): ContainerStatus | undefined {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = status;
  return [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses].find((each) => each.name === name);
}

function waitsFor(status: ContainerStatus | undefined): string {
  const reason = status?.state?.waiting?.reason ?? 'ContainerCreating';
  if (reason === 'ErrImagePull') return "image can't be pulled";
  if (reason === 'ImagePullBackOff') return 'trying and failing to pull image';
  return reason;
}
