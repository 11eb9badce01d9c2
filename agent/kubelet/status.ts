// A pod's status from its spec, what the runtime has of it and what the probes say: pure, upstream's generateAPIPodStatus.
import { rfc3339 } from '../../src/apimachinery/clock.js';
import { qosClassOf } from '../../src/kinds/core/pod-qos.js';
import { isPodTerminal, isSidecar } from '../../src/kinds/core/podutil.js';
import type { Container, ContainerStatus, Pod, PodSpec, PodStatus } from '../../src/kinds/types/core_v1.js';
import type { RuntimeContainer, RuntimePod } from '../runtime/runtime.js';
import { podConditions, type ResizeCondition } from './conditions.js';
import { type ContainerType, containerStatus, type ProbeVerdicts, type Waiting } from './container-status.js';
import type { Failure } from './failure.js';
import { allTerminated } from './finished-statuses.js';
import { restartsAfter } from './restart-policy.js';

export interface StatusContext {
  readonly now_ms: number;
  readonly hostIps: readonly string[];
  /** By container name. */
  readonly waiting: ReadonlyMap<string, Waiting>;
  readonly probes: ProbeVerdicts;
  readonly imageId: (image: string) => string;
  readonly terminationMessage: (container: RuntimeContainer) => string | undefined;
  /** The pod ends, and nothing is started any more; while anything of it runs, it keeps its phase. */
  readonly terminating: boolean;
  /** Nothing of it runs any more: its phase is final. */
  readonly finished: boolean;
  /** Why the node ended it, such as DeadlineExceeded: it has failed then, whatever its containers say. */
  readonly failure?: Failure | undefined;
  readonly resize?: readonly ResizeCondition[];
}

export function buildStatus(pod: Pod, observed: RuntimePod, context: StatusContext): PodStatus {
  const { spec, metadata, status: old } = pod;
  const pendingReason = spec.initContainers?.length ? 'PodInitializing' : 'ContainerCreating';
  const statusOf = (container: Container, type: ContainerType) =>
    containerStatus({
      pod,
      container,
      type,
      runs: observed.containers.filter(({ name, state }) => name === container.name && state !== 'created'),
      waiting: context.waiting.get(container.name),
      pendingReason,
      probes: context.probes,
      imageId: context.imageId,
      terminationMessage: context.terminationMessage,
      terminating: context.terminating,
    });
  const known = {
    inits: (spec.initContainers ?? []).map((container) => statusOf(container, 'init')),
    containers: spec.containers.map((container) => statusOf(container, 'main')),
    ephemeral: (spec.ephemeralContainers ?? []).map((container) => statusOf(container as Container, 'ephemeral')),
  };
  const { inits, containers, ephemeral } = context.finished ? allTerminated(known) : known;

  const phase = context.failure ? 'Failed' : isPodTerminal(pod) ? old.phase! : nextPhase(pod, inits, containers, context);
  const sandbox = observed.sandboxes.find(({ ready }) => ready);
  const podIps = sandbox ? (spec.hostNetwork ? context.hostIps : sandbox.ips) : (old.podIPs ?? []).map(({ ip }) => ip);
  const reason = context.failure?.reason ?? old.reason;
  const message = context.failure?.message ?? old.message;
  return {
    ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
    phase,
    conditions: podConditions({
      pod,
      phase,
      sandboxReady: sandbox !== undefined,
      inits,
      containers,
      now_ms: context.now_ms,
      ...(context.resize ? { resize: context.resize } : {}),
      ...(context.failure?.disruption ? { disruption: context.failure.disruption } : {}),
    }),
    ...(reason ? { reason } : {}),
    ...(message ? { message } : {}),
    ...(context.hostIps[0] ? { hostIP: context.hostIps[0], hostIPs: context.hostIps.map((ip) => ({ ip })) } : {}),
    ...(podIps[0] ? { podIP: podIps[0], podIPs: podIps.map((ip) => ({ ip })) } : {}),
    startTime: old.startTime ?? rfc3339(context.now_ms),
    ...(context.failure?.rejected ? {} : containerStatuses(inits, containers, ephemeral)),
    qosClass: old.qosClass ?? qosClassOf(spec),
  };
}

/** Of a pod that was turned away there is nothing to say of its containers. */
function containerStatuses(
  inits: readonly ContainerStatus[],
  containers: readonly ContainerStatus[],
  ephemeral: readonly ContainerStatus[],
) {
  return {
    ...(inits.length > 0 ? { initContainerStatuses: inits } : {}),
    containerStatuses: containers,
    ...(ephemeral.length > 0 ? { ephemeralContainerStatuses: ephemeral } : {}),
  };
}

function nextPhase(
  pod: Pod,
  inits: readonly ContainerStatus[],
  containers: readonly ContainerStatus[],
  { terminating, finished }: StatusContext,
): string {
  return terminating && !finished && pod.status.phase ? pod.status.phase : podPhase(pod, inits, containers, finished);
}

/** Upstream's getPhase. */
export function podPhase(
  { spec }: Pod,
  inits: readonly ContainerStatus[],
  containers: readonly ContainerStatus[],
  finished: boolean,
): 'Pending' | 'Running' | 'Succeeded' | 'Failed' {
  const codes = containers.map(exitCode);
  const hasSucceeded = codes.every((code) => code === 0);
  if (finished) return hasSucceeded ? 'Succeeded' : 'Failed';
  const initialization = stateOfInits(spec, inits);
  if (initialization.hasFailed) return 'Failed';
  const hasBegun = containers.some((status, i) => status.state.running || codes[i] !== undefined);
  if (initialization.isPending || (initialization.awaitsSidecars && !hasBegun)) return 'Pending';
  const running = containers.filter(({ state }) => state.running).length;
  if (running + codes.filter((code) => code !== undefined).length < containers.length) return 'Pending';
  const restarts = spec.containers.some((container, i) => codes[i] !== undefined && restartsAfter(spec, container, codes[i]!));
  if (running > 0 || initialization.sidecarsRunning || restarts) return 'Running';
  return hasSucceeded ? 'Succeeded' : 'Failed';
}

function stateOfInits(spec: PodSpec, statuses: readonly ContainerStatus[]) {
  const all = (spec.initContainers ?? []).map((container, i) => ({ container, status: statuses[i]!, code: exitCode(statuses[i]!) }));
  const regular = all.filter(({ container }) => !isSidecar(container));
  const sidecars = all.filter(({ container }) => isSidecar(container));
  return {
    hasFailed: regular.some(({ container, code }) => code && !restartsAfter(spec, container, code)),
    isPending: regular.some(({ status }) => !status.ready),
    awaitsSidecars: sidecars.some(({ status, code }) => code === undefined && !status.started),
    sidecarsRunning: sidecars.some(({ status }) => status.state.running),
  };
}

/** How it ended, also while it waits for its next start; undefined for one that runs or never did. */
function exitCode({ state, lastState }: ContainerStatus): number | undefined {
  if (state.running) return undefined;
  return (state.terminated ?? (state.waiting ? lastState.terminated : undefined))?.exitCode;
}
