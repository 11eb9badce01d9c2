// All probes of this node's containers: started with a container, ended with it, and asked for their verdicts.
import type { Clock } from '../../src/apimachinery/clock.js';
import type { EventRecorder } from '../../src/client/events.js';
import { isSidecar } from '../../src/kinds/core/podutil.js';
import type { Container, Pod } from '../../src/kinds/types/core_v1.js';
import { containerPath } from '../kubelet/container-path.js';
import type { KubeletMetrics } from '../kubelet/metrics.js';
import type { ContainerRuntime, RuntimeContainer } from '../runtime/runtime.js';
import { type ProbeOutcome, type ProbeTarget, probeOnce } from './probe.js';
import { type ProbeKind, Prober, type Verdict } from './prober.js';

const FIELDS = { liveness: 'livenessProbe', readiness: 'readinessProbe', startup: 'startupProbe' } as const;
const KINDS: readonly ProbeKind[] = ['startup', 'readiness', 'liveness'];
const VERBS = { warning: 'warning', failure: 'failed', unknown: 'errored and resulted in unknown state' } as const;
const TITLES = { liveness: 'Liveness', readiness: 'Readiness', startup: 'Startup' } as const;

export interface ProbeManagerOptions {
  readonly runtime: ContainerRuntime;
  readonly events: EventRecorder;
  readonly metrics: Pick<KubeletMetrics, 'probed' | 'forgetPod'>;
  readonly clock: Clock;
  /** A verdict changed: the pod is to be looked at again. */
  readonly changed: (podUid: string) => void;
}

/** The probers of one container. */
type Probers = { readonly [K in ProbeKind]?: Prober };

export class ProbeManager {
  /** By pod uid, then container ID. */
  private readonly pods = new Map<string, Map<string, Probers>>();

  constructor(private readonly options: ProbeManagerOptions) {}

  /** Starts probes for containers that run and have none yet, and ends those of containers that no longer run. */
  sync(pod: Pod, running: readonly RuntimeContainer[], podIp: string): void {
    const { uid } = pod.metadata;
    this.retain(uid, running);
    const containers = this.pods.get(uid) ?? new Map<string, Probers>();
    for (const container of running) {
      const spec = probed(pod).find(({ name }) => name === container.name);
      if (spec && !containers.has(container.id)) containers.set(container.id, this.start(pod, spec, container, podIp, containers));
    }
    this.pods.set(uid, containers);
  }

  /** Ends probes of containers that no longer run. */
  retain(podUid: string, running: readonly RuntimeContainer[]): void {
    const containers = this.pods.get(podUid);
    for (const [id, probers] of containers ?? []) {
      if (running.some((container) => container.id === id)) continue;
      stop(probers);
      containers?.delete(id);
    }
  }

  /** The pod ends: only whether it is still ready counts from now on. */
  retire(podUid: string): void {
    for (const probers of this.pods.get(podUid)?.values() ?? []) {
      probers.liveness?.stop();
      probers.startup?.stop();
    }
  }

  remove(podUid: string): void {
    for (const probers of this.pods.get(podUid)?.values() ?? []) stop(probers);
    this.pods.delete(podUid);
    this.options.metrics.forgetPod(podUid);
  }

  /** What a container without the probe is by running. */
  started(podUid: string, container: Container, containerId: string): boolean {
    return container.startupProbe === undefined || this.verdict(podUid, containerId, 'startup') === 'success';
  }

  ready(podUid: string, container: Container, containerId: string): boolean {
    return container.readinessProbe === undefined || this.verdict(podUid, containerId, 'readiness') === 'success';
  }

  /** Containers that a probe has given up on. */
  failed(podUid: string): ReadonlyMap<string, 'liveness' | 'startup'> {
    const failed = new Map<string, 'liveness' | 'startup'>();
    for (const [id, probers] of this.pods.get(podUid) ?? []) {
      if (probers.liveness?.verdict === 'failure') failed.set(id, 'liveness');
      if (probers.startup?.verdict === 'failure') failed.set(id, 'startup');
    }
    return failed;
  }

  private verdict(podUid: string, containerId: string, kind: ProbeKind): Verdict | undefined {
    return this.pods.get(podUid)?.get(containerId)?.[kind]?.verdict;
  }

  private start(pod: Pod, spec: Container, container: RuntimeContainer, podIp: string, siblings: ReadonlyMap<string, Probers>): Probers {
    const { clock, runtime, events, changed, metrics } = this.options;
    const { name, namespace = '', uid: podUid } = pod.metadata;
    const target: ProbeTarget = { container: spec, containerId: container.id, podIp };
    const probers: { [K in ProbeKind]?: Prober } = {};
    for (const kind of KINDS) {
      const probe = spec[FIELDS[kind]];
      if (!probe) continue;
      probers[kind] = new Prober({
        kind,
        probe,
        containerStartedAt_ms: container.startedAt_ms,
        initial: initialVerdict(kind, pod, container),
        clock,
        async probeOnce() {
          const outcome = await probeOnce(probe, target, runtime, clock);
          metrics.probed({ kind, container: spec.name, namespace, pod: name, podUid }, outcome.result);
          return outcome;
        },
        mayRun: () => kind === 'startup' || this.started(pod.metadata.uid, spec, container.id),
        onOutcome: (outcome) => tellOutcome(events, pod, spec.name, TITLES[kind], outcome),
        onVerdict: (verdict) => {
          if (kind === 'startup' && verdict === 'success') hurry(siblings.get(container.id));
          changed(pod.metadata.uid);
        },
      });
    }
    return probers;
  }
}

function tellOutcome(events: EventRecorder, pod: Pod, container: string, title: string, { result, output }: ProbeOutcome): void {
  if (result === 'success') return;
  const reason = result === 'warning' ? 'ProbeWarning' : 'Unhealthy';
  events.event(pod, 'Warning', reason, `${title} probe ${VERBS[result]}: ${output.trim()}`, containerPath(pod.spec, container));
}

/** Containers that stay: main ones, and sidecars. */
const probed = ({ spec }: Pod) => [...(spec.initContainers ?? []).filter(isSidecar), ...spec.containers];

function stop(probers: Probers): void {
  for (const kind of KINDS) probers[kind]?.stop();
}

function hurry(probers: Probers | undefined): void {
  probers?.readiness?.hurry();
  probers?.liveness?.hurry();
}

/** What the API says of this very container holds until a probe says otherwise: an agent's restart makes no pod unready. */
function initialVerdict(kind: ProbeKind, { status }: Pod, container: RuntimeContainer): Verdict {
  if (kind === 'liveness') return 'success';
  const { initContainerStatuses = [], containerStatuses = [] } = status;
  const known = [...initContainerStatuses, ...containerStatuses].find(({ containerID }) => containerID === `docker://${container.id}`);
  if (kind === 'readiness') return known?.ready ? 'success' : 'failure';
  return known?.started ? 'success' : 'unknown';
}
