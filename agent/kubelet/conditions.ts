// A pod's conditions: pure, with upstream's types, reasons and messages.
import { rfc3339 } from '../../src/apimachinery/clock.js';
import { isSidecar, podCondition } from '../../src/kinds/core/podutil.js';
import type { ContainerStatus, Pod, PodCondition } from '../../src/kinds/types/core_v1.js';

export type ResizeCondition = Pick<PodCondition, 'type' | 'reason' | 'message'>;

export interface ConditionsContext {
  readonly pod: Pod;
  readonly phase: string;
  readonly sandboxReady: boolean;
  readonly inits: readonly ContainerStatus[];
  readonly containers: readonly ContainerStatus[];
  readonly now_ms: number;
  /** Why the node ends the pod for its own need. */
  readonly disruption?: string;
  /** Of resizes that are not over. */
  readonly resize?: readonly ResizeCondition[];
}

/** Gone from the status once they no longer hold, where others become False. */
export const PASSING_CONDITIONS: readonly string[] = ['PodResizePending', 'PodResizeInProgress'];

interface Verdict {
  readonly type: string;
  readonly status: 'True' | 'False';
  readonly reason?: string;
  readonly message?: string;
}

/** Only those that the kubelet owns; a condition that did not change keeps its time. */
export function podConditions(context: ConditionsContext): readonly PodCondition[] {
  const { pod, now_ms } = context;
  const containersReady = allReady('ContainersReady', context);
  const verdicts: readonly Verdict[] = [
    { type: 'PodReadyToStartContainers', status: context.sandboxReady ? 'True' : 'False' },
    initialized(context),
    ready(containersReady, context),
    containersReady,
    { type: 'PodScheduled', status: 'True' },
    ...(context.resize ?? []).map((condition) => ({ ...condition, status: 'True' }) as const),
    ...(context.disruption === undefined
      ? []
      : [{ type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet', message: context.disruption } as const]),
  ];
  return verdicts.map((verdict) => {
    const old = podCondition(pod, verdict.type);
    const since = old?.status === verdict.status ? old.lastTransitionTime : undefined;
    const { generation } = pod.metadata;
    return { ...verdict, ...(generation ? { observedGeneration: generation } : {}), lastTransitionTime: since ?? rfc3339(now_ms) };
  });
}

const names = (statuses: readonly ContainerStatus[]) => `[${statuses.map(({ name }) => name).join(' ')}]`;

/** A sidecar is through once it has started; once a main container has started, what sidecars do no longer counts. */
function initialized({ pod, phase, inits, containers }: ConditionsContext): Verdict {
  if (phase === 'Succeeded') return { type: 'Initialized', status: 'True', reason: 'PodCompleted' };
  const missing = inits.filter(({ ready, started, name }) => !(isSidecarOf(pod, name) ? started : ready));
  const hasBegun = containers.some(({ state, lastState, started }) => started || state.running || state.terminated || lastState.terminated);
  if (missing.length === 0 || hasBegun) return { type: 'Initialized', status: 'True' };
  const message = `containers with incomplete status: ${names(missing)}`;
  return { type: 'Initialized', status: 'False', reason: 'ContainersNotInitialized', message };
}

const isSidecarOf = ({ spec }: Pod, name: string) =>
  spec.initContainers?.some((container) => container.name === name && isSidecar(container)) === true;

function allReady(type: string, { pod, phase, inits, containers }: ConditionsContext): Verdict {
  if (phase === 'Succeeded') return { type, status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' };
  const counted = [...inits.filter(({ name }) => isSidecarOf(pod, name)), ...containers];
  const unready = counted.filter((status) => !status.ready);
  if (unready.length === 0) return { type, status: 'True' };
  return { type, status: 'False', reason: 'ContainersNotReady', message: `containers with unready status: ${names(unready)}` };
}

/** All containers, and every condition that the pod's readiness gates name. */
function ready(containersReady: Verdict, { pod }: ConditionsContext): Verdict {
  if (containersReady.status === 'False') return { ...containersReady, type: 'Ready' };
  const closed = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => whyClosed(conditionType, podCondition(pod, conditionType)));
  if (closed.length === 0) return { type: 'Ready', status: 'True' };
  return { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message: closed.join(', ') };
}

function whyClosed(gate: string, condition: PodCondition | undefined): readonly string[] {
  if (!condition) return [`corresponding condition of pod readiness gate "${gate}" does not exist.`];
  if (condition.status === 'True') return [];
  return [`the status of pod readiness gate "${gate}" is not "True", but ${condition.status}`];
}
