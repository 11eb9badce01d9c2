// The columns of `kubectl get pods`, above all STATUS: one word for what a pod's phase, conditions and containers say together.
import { ageOf } from '../../apimachinery/table.js';
import { NONE } from '../columns.js';
import type { Column } from '../define.js';
import type { ContainerState, ContainerStatus, Pod } from '../types/core_v1.js';
import { isPodReady, isPodTerminal, isSidecar, podCondition } from './podutil.js';

interface Summary {
  readonly ready: number;
  readonly total: number;
  readonly reason: string;
  readonly restarts: number;
  /** When the last of those restarts ended; 0 if none is known. */
  readonly lastRestart_ms: number;
}

export const podColumns: readonly Column<Pod>[] = [
  {
    name: 'Ready',
    type: 'string',
    description: 'How many of its containers are ready, of how many',
    cell: (pod) => {
      const { ready, total } = summarize(pod);
      return `${ready}/${total}`;
    },
  },
  { name: 'Status', type: 'string', description: 'What the pod and its containers are doing', cell: (pod) => summarize(pod).reason },
  {
    name: 'Restarts',
    type: 'string',
    description: 'How often its containers were restarted, and when last',
    cell: (pod, now_ms) => {
      const { restarts, lastRestart_ms } = summarize(pod);
      if (restarts === 0 || lastRestart_ms === 0) return String(restarts);
      return `${restarts} (${ageOf(new Date(lastRestart_ms).toISOString(), now_ms)} ago)`;
    },
  },
  {
    name: 'IP',
    type: 'string',
    priority: 1,
    description: 'The address of the pod',
    cell: ({ status }) => status.podIPs?.[0]?.ip ?? status.podIP ?? NONE,
  },
  { name: 'Node', type: 'string', priority: 1, description: 'The node it is bound to', cell: ({ spec }) => spec.nodeName || NONE },
  {
    name: 'Nominated Node',
    type: 'string',
    priority: 1,
    description: 'The node on which others are evicted to make room for it',
    cell: ({ status }) => status.nominatedNodeName || NONE,
  },
  {
    name: 'Readiness Gates',
    type: 'string',
    priority: 1,
    description: 'How many of its readiness gates are open, of how many',
    cell: (pod) => readinessGates(pod),
  },
];

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return NONE;
  return `${gates.filter((gate) => podCondition(pod, gate.conditionType)?.status === 'True').length}/${gates.length}`;
}

/** The STATUS word of a pod. */
export function podStatusWord(pod: Pod): string {
  return summarize(pod).reason;
}

function summarize(pod: Pod): Summary {
  const init = summarizeInit(pod);
  const started = init.reason === undefined || podCondition(pod, 'Initialized')?.status === 'True';
  const main = started ? summarizeMain(pod, init.reason ?? baseReason(pod)) : undefined;
  // Once the pod is past its init containers their restarts are history; those of sidecars still count.
  const counted = [...(started ? init.sidecars : (pod.status.initContainerStatuses ?? [])), ...(main ? main.statuses : [])];
  return {
    ready: init.readySidecars + (main?.ready ?? 0),
    total: pod.spec.containers.length + (pod.spec.initContainers ?? []).filter(isSidecar).length,
    reason: deletionReason(pod) ?? main?.reason ?? init.reason ?? baseReason(pod),
    restarts: counted.reduce((sum, status) => sum + status.restartCount, 0),
    lastRestart_ms: Math.max(0, ...counted.map(lastEnd_ms)),
  };
}

function baseReason(pod: Pod): string {
  if (podCondition(pod, 'PodScheduled')?.reason === 'SchedulingGated') return 'SchedulingGated';
  return pod.status.reason || pod.status.phase || 'Unknown';
}

function deletionReason(pod: Pod): string | undefined {
  if (pod.metadata.deletionTimestamp === undefined) return undefined;
  if (pod.status.reason === 'NodeLost') return 'Unknown';
  return isPodTerminal(pod) ? undefined : 'Terminating';
}

/** `reason` is set while an init container still stands between the pod and its containers. */
function summarizeInit(pod: Pod): { reason: string | undefined; readySidecars: number; sidecars: ContainerStatus[] } {
  const specs = pod.spec.initContainers ?? [];
  const sidecars: ContainerStatus[] = [];
  let readySidecars = 0;
  for (const [index, status] of (pod.status.initContainerStatuses ?? []).entries()) {
    const spec = specs.find(({ name }) => name === status.name);
    const sidecar = spec !== undefined && isSidecar(spec);
    if (sidecar) sidecars.push(status);
    if (status.state?.terminated?.exitCode === 0) continue;
    if (sidecar && status.started) {
      if (status.ready) readySidecars++;
      continue;
    }
    return { reason: initReason(status.state, index, specs.length), readySidecars, sidecars };
  }
  return { reason: undefined, readySidecars, sidecars };
}

function initReason(state: ContainerState | undefined, index: number, total: number): string {
  if (state?.terminated) return `Init:${terminatedReason(state)}`;
  const waiting = state?.waiting?.reason;
  return waiting && waiting !== 'PodInitializing' ? `Init:${waiting}` : `Init:${index}/${total}`;
}

function summarizeMain(pod: Pod, base: string): { reason: string; ready: number; statuses: readonly ContainerStatus[] } {
  const statuses = pod.status.containerStatuses ?? [];
  let reason = base;
  let ready = 0;
  // From the last to the first, so that the first container's reason is the one that stays.
  for (const { state, ready: isReady } of [...statuses].reverse()) {
    if (state?.waiting?.reason) reason = state.waiting.reason;
    else if (state?.terminated) reason = terminatedReason(state);
    else if (isReady && state?.running) ready++;
  }
  // One container has completed, another still runs: the pod is not complete.
  if (reason === 'Completed' && ready > 0) reason = isPodReady(pod) ? 'Running' : 'NotReady';
  return { reason, ready, statuses };
}

function terminatedReason({ terminated }: ContainerState): string {
  if (terminated?.reason) return terminated.reason;
  return terminated?.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated?.exitCode ?? 0}`;
}

function lastEnd_ms(status: ContainerStatus): number {
  const finishedAt = status.lastState?.terminated?.finishedAt;
  return finishedAt ? Date.parse(finishedAt) : 0;
}
