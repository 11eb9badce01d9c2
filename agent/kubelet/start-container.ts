// Starting one container that was created, with its postStart hook.
import type { Pod } from '../../src/kinds/types/core_v1.js';
import { containerPath } from './container-path.js';
import type { Graces } from './grace.js';
import { runHook } from './hooks.js';
import { killContainer } from './kill.js';
import { gracePeriod_s } from './sandbox-config.js';
import type { PodServices } from './services.js';
import type { StartAction } from './sync-pod.js';
import { WaitingError } from './waiting.js';

/** Upstream waits for a postStart hook for ever; a pod's other containers must not. */
const POST_START_TIMEOUT_MS = 600_000;

export interface ContainerStart {
  readonly pod: Pod;
  readonly action: StartAction;
  readonly containerId: string;
  readonly podIp: string;
  /** Aborted when the pod is to end. */
  readonly signal: AbortSignal;
  readonly graces: Graces;
  /** It runs; its hook may still fail. */
  readonly started: () => void;
}

/** Rejects with a WaitingError; the container does not run then. */
export async function startContainer(start: ContainerStart, services: PodServices): Promise<void> {
  const { runtime, events } = services;
  const { pod, action, containerId, started } = start;
  const path = containerPath(pod.spec, action.container.name);
  events.event(pod, 'Normal', 'Created', 'Container created', path);
  try {
    await runtime.startContainer(containerId);
  } catch (error) {
    throw new WaitingError('RunContainerError', (error as Error).message);
  }
  events.event(pod, 'Normal', 'Started', 'Container started', path);
  started();
  await postStart(start, path, services);
}

async function postStart(start: ContainerStart, path: string, services: PodServices): Promise<void> {
  const { runtime, events, clock, log } = services;
  const { pod, containerId, podIp, signal } = start;
  const { container } = start.action;
  const hook = container.lifecycle?.postStart;
  if (!hook) return;
  try {
    await orAborted(runHook(hook, { pod, container, containerId, podIp }, runtime, clock, POST_START_TIMEOUT_MS), signal);
  } catch (error) {
    if (signal.aborted) return;
    const { message } = error as Error;
    log.info({ pod: pod.metadata.name, container: container.name, error: message }, 'killing a container whose postStart hook failed');
    // What a hook has said may be a secret: it stands in the pod's status, and in no event.
    events.event(pod, 'Warning', 'FailedPostStartHook', 'PostStartHook failed', path);
    const target = { container: { id: containerId, name: container.name }, message: 'FailedPostStartHook', podIp };
    await start.graces.during(gracePeriod_s(pod), (grace) => killContainer(pod, { ...target, grace }, services));
    throw new WaitingError('PostStartHookError', message);
  }
}

function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
