// What a pod's containers are once it is over: each has ended, also one that the runtime has no trace of. Pure, upstream's TerminatePod.
import type { ContainerStatus } from '../../src/kinds/types/core_v1.js';
import { EXIT_CODE_KILLED } from './restart-policy.js';

export interface PodContainerStatuses {
  readonly inits: readonly ContainerStatus[];
  readonly containers: readonly ContainerStatus[];
  readonly ephemeral: readonly ContainerStatus[];
}

/** Containers of a pod that never got so far as to start them stay as they are: they wait. */
export function allTerminated({ inits, containers, ephemeral }: PodContainerStatuses): PodContainerStatuses {
  const started = [...inits.map(hasStarted)].lastIndexOf(true);
  const isInitialized = containers.some(hasStarted) || (inits.length > 0 && inits.every(({ ready }) => ready));
  return {
    inits: inits.map((status, i) => (isInitialized || i <= started ? terminated(status) : status)),
    containers: isInitialized ? containers.map(terminated) : containers,
    ephemeral,
  };
}

const hasStarted = ({ state, lastState }: ContainerStatus) =>
  state.running !== undefined || state.terminated !== undefined || lastState.terminated !== undefined;

function terminated(status: ContainerStatus): ContainerStatus {
  if (status.state.terminated) return status;
  const message = 'The container could not be located when the pod was terminated';
  const state = { terminated: { exitCode: EXIT_CODE_KILLED, reason: 'ContainerStatusUnknown', message } };
  return { ...status, ready: false, started: false, state };
}
