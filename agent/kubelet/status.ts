// A pod's status from its spec, what the runtime has of it and what the probes say: pure, upstream's generateAPIPodStatus.
import { rfc3339 } from '../../src/apimachinery/clock.js';
import { qosClassOf } from '../../src/kinds/core/pod-qos.js';
import { isPodTerminal } from '../../src/kinds/core/podutil.js';
import type { Container, ContainerStatus, Pod, PodStatus } from '../../src/kinds/types/core_v1.js';
import type { RuntimeContainer, RuntimePod } from '../runtime/runtime.js';
import { podConditions } from './conditions.js';
import { containerStatus, type ProbeVerdicts, type Waiting } from './container-status.js';

export interface StatusContext {
  readonly now_ms: number;
  readonly hostIps: readonly string[];
  /** By container name. */
  readonly waiting: ReadonlyMap<string, Waiting>;
  readonly probes: ProbeVerdicts;
  readonly imageId: (image: string) => string;
  readonly terminationMessage: (container: RuntimeContainer) => string | undefined;
  /** The pod ends, and nothing is started any more. */
  readonly terminating: boolean;
  /** Nothing of it runs any more: its phase is final. */
  readonly finished: boolean;
  /** Why the node ended it, such as DeadlineExceeded: it has failed then, whatever its containers say. */
  readonly failure?: { readonly reason: string; readonly message: string } | undefined;
}

export function buildStatus(pod: Pod, observed: RuntimePod, context: StatusContext): PodStatus {
  const { spec, metadata, status: old } = pod;
  const statusOf = (container: Container, init: boolean, pendingReason: string) =>
    containerStatus({
      pod,
      container,
      init,
      runs: observed.containers.filter(({ name, state }) => name === container.name && state !== 'created'),
      waiting: context.waiting.get(container.name),
      pendingReason,
      probes: context.probes,
      imageId: context.imageId,
      terminationMessage: context.terminationMessage,
      terminating: context.terminating,
    });
  const inits = (spec.initContainers ?? []).map((container) => statusOf(container, true, 'PodInitializing'));
  const pendingReason = inits.every(isInitialized) ? 'ContainerCreating' : 'PodInitializing';
  const containers = spec.containers.map((container) => statusOf(container, false, pendingReason));

  const phase = context.failure ? 'Failed' : isPodTerminal(pod) ? old.phase! : podPhase(pod, inits, containers, context.finished);
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
    }),
    ...(reason ? { reason } : {}),
    ...(message ? { message } : {}),
    ...(context.hostIps[0] ? { hostIP: context.hostIps[0], hostIPs: context.hostIps.map((ip) => ({ ip })) } : {}),
    ...(podIps[0] ? { podIP: podIps[0], podIPs: podIps.map((ip) => ({ ip })) } : {}),
    startTime: old.startTime ?? rfc3339(context.now_ms),
    ...(inits.length > 0 ? { initContainerStatuses: inits } : {}),
    containerStatuses: containers,
    qosClass: old.qosClass ?? qosClassOf(spec),
  };
}

/** It has ended well, in this sandbox or in one before. */
const isInitialized = ({ ready }: ContainerStatus) => ready;

/** Upstream's getPhase. */
export function podPhase(
  { spec }: Pod,
  inits: readonly ContainerStatus[],
  containers: readonly ContainerStatus[],
  finished: boolean,
): 'Pending' | 'Running' | 'Succeeded' | 'Failed' {
  const policy = finished ? 'Never' : (spec.restartPolicy ?? 'Always');
  if (policy === 'Never' && inits.some(hasFailed)) return 'Failed';
  const over = containers.filter((status) => exitCode(status) !== undefined);
  const running = containers.filter(({ state }) => state.running).length;
  if (finished) return over.length === containers.length && over.every((status) => exitCode(status) === 0) ? 'Succeeded' : 'Failed';
  if (!inits.every(isInitialized) && running === 0 && over.length < containers.length) return 'Pending';
  if (running + over.length < containers.length) return 'Pending';
  if (running > 0 || policy === 'Always') return 'Running';
  if (over.every((status) => exitCode(status) === 0)) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

/** How it ended, also while it waits for its next start; undefined for one that runs or never did. */
function exitCode({ state, lastState }: ContainerStatus): number | undefined {
  if (state.running) return undefined;
  return (state.terminated ?? (state.waiting ? lastState.terminated : undefined))?.exitCode;
}

const hasFailed = (status: ContainerStatus) => (exitCode(status) ?? 0) !== 0;
