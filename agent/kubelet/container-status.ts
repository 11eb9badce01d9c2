// One container's status as the API shows it: pure, with upstream's reasons.
import { rfc3339 } from '../../src/apimachinery/clock.js';
import { isBeingDeleted } from '../../src/apimachinery/object.js';
import { formatQuantity, milliValue, parseQuantity } from '../../src/apimachinery/quantity.js';
import { allContainers, isSidecar } from '../../src/kinds/core/podutil.js';
import type { Container, ContainerState, ContainerStatus, Pod, ResourceRequirements } from '../../src/kinds/types/core_v1.js';
import type { RuntimeContainer } from '../runtime/runtime.js';
import { cpuQuota_us } from './resources.js';
import { EXIT_CODE_KILLED, willRestart } from './restart-policy.js';

/** Upstream's bound of what a pod's containers together have said last: each has the same part of it. */
const MESSAGES_MAX_BYTES = 12 << 10;

/** Why a container does not run though it should: set where its start failed, or waits. */
export interface Waiting {
  readonly reason: string;
  readonly message?: string;
}

/** What the probes say; a container without a probe is what it is by running. */
export interface ProbeVerdicts {
  /** The startup probe has succeeded. */
  started(container: Container, containerId: string): boolean;
  /** The readiness probe succeeds. */
  ready(container: Container, containerId: string): boolean;
}

export type ContainerType = 'init' | 'main' | 'ephemeral';

export interface ContainerStatusContext {
  readonly pod: Pod;
  readonly container: Container;
  readonly type: ContainerType;
  /** Newest first; without those that were only created. */
  readonly runs: readonly RuntimeContainer[];
  readonly waiting: Waiting | undefined;
  /** The reason where nothing is known: `ContainerCreating`, or `PodInitializing`. */
  readonly pendingReason: string;
  readonly probes: ProbeVerdicts;
  /** Of the image that the newest run has, as `docker-pullable://...`; empty where unknown. */
  readonly imageId: (image: string) => string;
  readonly terminationMessage: (container: RuntimeContainer) => string | undefined;
  /** The pod ends: nothing is started any more. */
  readonly terminating: boolean;
}

export function containerStatus(context: ContainerStatusContext): ContainerStatus {
  const { pod, container, runs, waiting, imageId } = context;
  const latest = runs[0];
  if (!latest) return unseen(context);
  const previous = runs.slice(1).find(({ state }) => state === 'exited');
  const isWaiting = latest.state === 'exited' && waiting !== undefined && !context.terminating && willRestart(pod, latest);
  const stopSignal = container.lifecycle?.stopSignal;
  return {
    name: container.name,
    state: isWaiting ? { waiting } : stateOf(context, latest),
    lastState: isWaiting ? stateOf(context, latest) : previous ? stateOf(context, previous) : (oldStatus(context)?.lastState ?? {}),
    ready: isReady(context, latest),
    restartCount: latest.attempt,
    image: withTag(container.image ?? ''),
    imageID: imageId(latest.image),
    containerID: containerId(latest),
    started: latest.state === 'running' && context.probes.started(container, latest.id),
    ...resourcesOf(container, latest),
    ...mountsOf(container),
    ...(stopSignal ? { stopSignal } : {}),
    ...(latest.user ? { user: { linux: latest.user } } : {}),
  };
}

/** As they are asked for; what is mounted below a read-only one stays as it is on this node. */
function mountsOf({ volumeMounts = [] }: Container): Pick<ContainerStatus, 'volumeMounts'> {
  if (volumeMounts.length === 0) return {};
  return {
    volumeMounts: volumeMounts.map(({ name, mountPath, readOnly }) => ({
      name,
      mountPath,
      ...(readOnly ? { readOnly, recursiveReadOnly: 'Disabled' } : {}),
    })),
  };
}

/** What it was given, and what it has of that: only the limits can be seen, and those of a container that is being resized lag behind. */
function resourcesOf({ resources = {} }: Container, { state, resources: actual }: RuntimeContainer): Partial<ContainerStatus> {
  const { requests, limits } = resources;
  const seen = state === 'running' && limits ? { ...limits, ...laggingLimits(limits, actual) } : limits;
  return {
    ...(requests ? { allocatedResources: requests } : {}),
    resources: { ...(requests ? { requests } : {}), ...(seen ? { limits: seen } : {}) },
  };
}

function laggingLimits({ cpu, memory }: NonNullable<ResourceRequirements['limits']>, actual: RuntimeContainer['resources']) {
  const { cpuQuota_us: quota_us, cpuPeriod_us: period_us, memory_bytes } = actual;
  const hasOtherCpu = cpu !== undefined && quota_us !== undefined && quota_us !== cpuQuota_us(milliValue(cpu), period_us);
  const hasOtherMemory = memory !== undefined && memory_bytes !== undefined && memory_bytes !== Math.ceil(parseQuantity(memory));
  return {
    ...(hasOtherCpu ? { cpu: formatQuantity(quota_us / period_us, 'DecimalSI') } : {}),
    ...(hasOtherMemory ? { memory: formatQuantity(memory_bytes, 'BinarySI') } : {}),
  };
}

/** Of a container that the runtime has no trace of: it never was, its remains were removed, or the runtime has lost it. */
function unseen(context: ContainerStatusContext): ContainerStatus {
  const { pod, container, waiting, pendingReason } = context;
  const old = oldStatus(context);
  if (old?.state.terminated && !waiting) return old;
  const isLost = old?.state.running !== undefined && !waiting && !old.lastState.terminated;
  return {
    name: container.name,
    state: { waiting: waiting ?? { reason: pendingReason } },
    lastState: isLost ? LOST : old?.state.terminated ? old.state : (old?.lastState ?? {}),
    ready: false,
    // Whoever still has the ID has not counted the restart yet.
    restartCount: (old?.restartCount ?? 0) + (isLost && !isBeingDeleted(pod) ? 1 : 0),
    ...(old?.containerID && !isLost ? { containerID: old.containerID } : {}),
    image: withTag(container.image ?? ''),
    imageID: old?.imageID ?? '',
    started: false,
    ...mountsOf(container),
  };
}

/** As upstream has it, for how nobody knows how it ended. */
const LOST: ContainerState = {
  terminated: {
    exitCode: EXIT_CODE_KILLED,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was deleted.  The container used to be Running',
  },
};

export const containerId = ({ id }: RuntimeContainer) => `docker://${id}`;

/** As the runtime shows it: a name without tag and digest means `latest`. */
export function withTag(image: string): string {
  return /[:@][^/]*$/.test(image) ? image : `${image}:latest`;
}

const LISTS = { init: 'initContainerStatuses', main: 'containerStatuses', ephemeral: 'ephemeralContainerStatuses' } as const;

function oldStatus({ pod, container, type }: ContainerStatusContext): ContainerStatus | undefined {
  return pod.status[LISTS[type]]?.find(({ name }) => name === container.name);
}

function isReady({ container, type, probes }: ContainerStatusContext, latest: RuntimeContainer): boolean {
  if (type === 'ephemeral') return false;
  if (type === 'init' && !isSidecar(container)) return latest.state === 'exited' && latest.exitCode === 0;
  return latest.state === 'running' && probes.started(container, latest.id) && probes.ready(container, latest.id);
}

function stateOf(context: ContainerStatusContext, container: RuntimeContainer): ContainerState {
  if (container.state === 'running') return { running: { startedAt: rfc3339(container.startedAt_ms) } };
  const message = container.startError ?? context.terminationMessage(container);
  return {
    terminated: {
      exitCode: container.exitCode,
      reason: terminatedReason(container),
      ...(message ? { message: beginningOf(message, MESSAGES_MAX_BYTES / allContainers(context.pod.spec).length) } : {}),
      startedAt: rfc3339(container.startedAt_ms),
      finishedAt: rfc3339(container.finishedAt_ms),
      containerID: containerId(container),
    },
  };
}

function beginningOf(message: string, max_bytes: number): string {
  const bytes = Buffer.from(message);
  return bytes.length <= max_bytes ? message : bytes.toString('utf8', 0, Math.floor(max_bytes));
}

/** Docker also says `OOMKilled` where only a child was, and the container itself ended well. */
function terminatedReason({ startError, oomKilled, exitCode }: RuntimeContainer): string {
  if (startError !== undefined) return 'ContainerCannotRun';
  if (exitCode === 0) return 'Completed';
  return oomKilled ? 'OOMKilled' : 'Error';
}
