// One container's status as the API shows it: pure, with upstream's reasons.
import { rfc3339 } from '../../src/apimachinery/clock.js';
import type { Container, ContainerState, ContainerStatus, Pod } from '../../src/kinds/types/core_v1.js';
import type { RuntimeContainer } from '../runtime/runtime.js';
import { shouldRestart } from './sync-pod.js';

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

export interface ContainerStatusContext {
  readonly pod: Pod;
  readonly container: Container;
  readonly init: boolean;
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
  const { container, runs, waiting, pendingReason, imageId } = context;
  const latest = runs[0];
  const image = withTag(container.image ?? '');
  if (!latest) {
    const old = oldStatus(context);
    return {
      name: container.name,
      state: { waiting: waiting ?? { reason: pendingReason } },
      lastState: old?.lastState ?? {},
      ready: false,
      restartCount: old?.restartCount ?? 0,
      image,
      imageID: old?.imageID ?? '',
      started: false,
    };
  }
  const previous = runs.find(({ state }) => state === 'exited' && latest.state === 'running');
  const isWaiting = latest.state === 'exited' && waiting !== undefined && !context.terminating && willRestart(context, latest);
  return {
    name: container.name,
    state: isWaiting ? { waiting } : stateOf(context, latest),
    lastState: isWaiting ? stateOf(context, latest) : previous ? stateOf(context, previous) : (oldStatus(context)?.lastState ?? {}),
    ready: isReady(context, latest),
    restartCount: latest.attempt,
    image,
    imageID: imageId(latest.image),
    containerID: containerId(latest),
    started: latest.state === 'running' && context.probes.started(container, latest.id),
  };
}

export const containerId = ({ id }: RuntimeContainer) => `docker://${id}`;

/** As the runtime shows it: a name without tag and digest means `latest`. */
export function withTag(image: string): string {
  return /[:@][^/]*$/.test(image) ? image : `${image}:latest`;
}

function oldStatus({ pod, container, init }: ContainerStatusContext): ContainerStatus | undefined {
  const statuses = init ? pod.status.initContainerStatuses : pod.status.containerStatuses;
  return statuses?.find(({ name }) => name === container.name);
}

function willRestart({ pod, init }: ContainerStatusContext, last: RuntimeContainer): boolean {
  if (!init) return shouldRestart(pod, last);
  return last.exitCode !== 0 && pod.spec.restartPolicy !== 'Never';
}

function isReady({ container, init, probes }: ContainerStatusContext, latest: RuntimeContainer): boolean {
  if (init) return latest.state === 'exited' && latest.exitCode === 0;
  return latest.state === 'running' && probes.started(container, latest.id) && probes.ready(container, latest.id);
}

function stateOf(context: ContainerStatusContext, container: RuntimeContainer): ContainerState {
  if (container.state === 'running') return { running: { startedAt: rfc3339(container.startedAt_ms) } };
  const message = container.startError ?? context.terminationMessage(container);
  return {
    terminated: {
      exitCode: container.exitCode,
      reason: terminatedReason(container),
      ...(message ? { message } : {}),
      startedAt: rfc3339(container.startedAt_ms),
      finishedAt: rfc3339(container.finishedAt_ms),
      containerID: containerId(container),
    },
  };
}

/** Docker also says `OOMKilled` where only a child was, and the container itself ended well. */
function terminatedReason({ startError, oomKilled, exitCode }: RuntimeContainer): string {
  if (startError !== undefined) return 'ContainerCannotRun';
  if (exitCode === 0) return 'Completed';
  return oomKilled ? 'OOMKilled' : 'Error';
}
