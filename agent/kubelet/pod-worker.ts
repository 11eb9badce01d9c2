// One pod's life on this node, one step at a time: bring it to what its spec says, or to its end.
import { isBeingDeleted } from '../../src/apimachinery/object.js';
import { isPodTerminal, isSidecar } from '../../src/kinds/core/podutil.js';
import type { Container, Pod } from '../../src/kinds/types/core_v1.js';
import type { FirstStart, RuntimePod } from '../runtime/runtime.js';
import type { Failure } from './failure.js';
import { Graces } from './grace.js';
import { deletionGrace_s, restartKill } from './kill.js';
import type { PodWork } from './metrics.js';
import { PodDown } from './pod-down.js';
import { concernsUs, deadlineLeft_ms, isDefect, isIdle, podIp } from './pod-facts.js';
import { PodLoop } from './pod-loop.js';
import { PodReporter } from './pod-reporter.js';
import { PodResize } from './pod-resize.js';
import { refreshVolumes } from './refresh-volumes.js';
import type { PodServices } from './services.js';
import { PodStart } from './start-pod.js';
import { computeActions } from './sync-pod.js';
import type { WaitingError } from './waiting.js';

/** While others make room for it. */
const ROOM_LOOK_MS = 200;

/** What the node says to a pod that comes. */
export interface Verdict {
  readonly failure: Failure | undefined;
  /** Nothing of it is there when it comes. */
  readonly isNew: boolean;
  /** Those that had to go for it have gone. */
  hasRoom(): boolean;
}

const DEADLINE_EXCEEDED: Failure = { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' };

const NOTHING: RuntimePod = { sandboxes: [], containers: [] };

export class PodWorker {
  private pod: Pod;
  /** The API no longer has it. */
  private gone = false;
  /** Aborted when the pod is to end, so that a pull does not hold it up. */
  private starting = new AbortController();
  private readonly graces: Graces;
  /** Why the node does not take it, or ends it. */
  private failure: Failure | undefined;
  private isNew = true;
  private readonly loop: PodLoop;
  private readonly reporter: PodReporter;
  private readonly down: PodDown;
  private readonly resize: PodResize;

  /** `done` is called once, when the API no longer has the pod and nothing of it is left. */
  constructor(
    pod: Pod,
    private readonly services: PodServices,
    private readonly done: () => void,
    private readonly verdict: Verdict,
  ) {
    this.pod = pod;
    this.failure = verdict.failure;
    this.graces = new Graces(services.clock);
    this.resize = new PodResize(services);
    this.reporter = new PodReporter(services, this.resize);
    const grace_s = () => Math.min(deletionGrace_s(this.pod), this.failure?.grace_s ?? Number.POSITIVE_INFINITY);
    this.down = new PodDown(services, this.graces, this.reporter, grace_s);
    const rounds = {
      work: () => this.work(),
      tellDead: (ids: readonly string[]) => this.tellDead(ids),
      failed: (error: Error) => this.roundFailed(error),
    };
    this.loop = new PodLoop(rounds, services);
    this.wake();
  }

  get current(): Pod {
    return this.pod;
  }

  /** As it counts on the node: with what it was given, not with what it asks for since. */
  get given(): Pod {
    return this.resize.given(this.pod);
  }

  /** It asks for more than the node has free. */
  get isDeferred(): boolean {
    return this.resize.isDeferred;
  }

  /** It has, or is to have, a part of the node's resources: neither over nor turned away. */
  get isActive(): boolean {
    return !this.gone && !this.failure && !this.isTerminal;
  }

  get isTerminal(): boolean {
    return isPodTerminal(this.services.statuses.newest(this.pod));
  }

  /** The API's object changed. */
  update(pod: Pod): void {
    const before = this.pod;
    this.pod = pod;
    this.services.statuses.observed(pod);
    this.services.metrics.starts.observed(pod, true);
    if (isBeingDeleted(pod)) this.hasten(pod);
    if (concernsUs(before, pod)) this.wake();
  }

  /** The API no longer has it. */
  delete(last: Pod): void {
    this.pod = last;
    this.gone = true;
    this.hasten(last);
    this.wake();
  }

  /** The node ends it; the first reason stays. */
  fail(failure: Failure): void {
    this.failure ??= failure;
    this.starting.abort(new Error(failure.message));
    this.graces.shorten(failure.grace_s ?? deletionGrace_s(this.pod));
    this.wake();
  }

  private hasten(pod: Pod): void {
    this.starting.abort(new Error('the pod is being deleted'));
    this.graces.shorten(deletionGrace_s(pod));
  }

  /** Something may have changed: the runtime's containers, a probe's verdict, a reason to wait that has passed. */
  wake(): void {
    this.loop.wake();
    this.reportEnding();
  }

  /** The loop waits for the last of its containers. */
  private reportEnding(): void {
    if (this.down.isEnding) void this.reporter.reportEnding(() => (this.down.isEnding ? this.pod : undefined));
  }

  /** A container of it ends, which the runtime is not through with yet. */
  dies(containerId: string): void {
    this.loop.tellDead(containerId);
  }

  died(containerId: string): void {
    this.loop.tellDead(containerId);
    this.wake();
  }

  /** The agent stops: the pod is left as it is. */
  stop(): void {
    this.loop.stop();
    this.starting.abort(new Error('the agent stops'));
    this.services.probes.remove(this.pod.metadata.uid);
  }

  /** Resolves once what runs of it was looked at; at once where a round is under way. */
  look(): Promise<void> {
    const looked = this.loop.look();
    this.reportEnding();
    return looked;
  }

  private async work(): Promise<number | undefined> {
    const { clock, metrics } = this.services;
    const began_ms = clock.monotonic();
    const again_ms = await this.sync();
    metrics.podWorked(this.kindOfWork(), clock.monotonic() - began_ms);
    return again_ms;
  }

  /** What the pod's end tells of is left to it. */
  private async tellDead(dead: readonly string[]): Promise<void> {
    for (const id of dead) {
      const pod = this.services.statuses.newest(this.pod);
      if (!this.isActive || isBeingDeleted(pod)) return;
      const observed = await this.services.runtime.podStatusWith(pod.metadata.uid, id);
      if (observed) await this.reporter.report(pod, observed);
    }
  }

  private kindOfWork(): PodWork {
    const isFirst = this.isNew;
    this.isNew = false;
    return this.isActive && !isBeingDeleted(this.pod) ? (isFirst ? 'create' : 'sync') : 'kill';
  }

  private roundFailed(error: Error): void {
    const { name, namespace } = this.pod.metadata;
    const fields = { pod: name, namespace, error: error.message };
    // One pod that meets a defect must not take the others of its node down; its stack is what there is to find it by.
    if (isDefect(error)) this.services.log.error({ ...fields, stack: error.stack }, 'pod sync met a defect, trying again');
    else this.services.log.warn(fields, 'pod sync failed, trying again');
  }

  /** When to look again even if nothing changes; undefined: not needed. */
  private async sync(): Promise<number | undefined> {
    const { statuses, clock, events } = this.services;
    const pod = statuses.newest(this.pod);
    if (this.gone || isBeingDeleted(pod)) return this.end(pod);
    if (isPodTerminal(pod)) return this.down.bringDown(pod).then(() => undefined);
    if (this.failure) return this.down.bringDown(pod, this.failure).then(() => undefined);
    if (deadlineLeft_ms(pod, clock.now()) <= 0) {
      events.event(pod, 'Normal', DEADLINE_EXCEEDED.reason, DEADLINE_EXCEEDED.message);
      await this.down.bringDown(pod, DEADLINE_EXCEEDED);
      return undefined;
    }
    if (!this.verdict.hasRoom()) return ROOM_LOOK_MS;
    const retry_ms = await this.bringUp(this.resize.allocate(pod));
    // Asked again: the pod's time began with its first status.
    const next_ms = Math.min(retry_ms ?? Number.POSITIVE_INFINITY, deadlineLeft_ms(statuses.newest(this.pod), clock.now()));
    return Number.isFinite(next_ms) ? next_ms : undefined;
  }

  private async end(pod: Pod): Promise<undefined> {
    await this.down.remove(pod, () => this.gone);
    if (!this.gone) return;
    this.services.statuses.forget(pod.metadata.uid);
    this.loop.stop();
    this.done();
  }

  private async bringUp(pod: Pod): Promise<number | undefined> {
    const { runtime, probes, events } = this.services;
    // Before its first status nothing was done for it.
    const isUntouched = this.verdict.isNew && pod.status.startTime === undefined;
    let observed = await this.observe(pod, isUntouched ? NOTHING : undefined);
    const resize = await this.resize.actuate(pod, observed);
    if (resize.update.length > 0) observed = await this.observe(pod);
    const resizeAgain_ms = this.resize.settle(pod, observed);
    const { uid } = pod.metadata;
    const started = (container: Container, id: string) => probes.started(uid, container, id);
    const computed = computeActions(pod, observed, { failed: probes.failed(uid), started });
    const restarts = resize.restart.map((container) => ({ container, why: 'resized' }) as const);
    const actions = { ...computed, kill: [...computed.kill, ...restarts] };
    await this.reporter.report(pod, observed);
    if (isIdle(actions, observed)) {
      await refreshVolumes(pod, this.services);
      return resizeAgain_ms;
    }
    if (actions.createSandbox && observed.sandboxes.length > 0) {
      events.event(pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
    }
    if (actions.killPod) await this.down.killAll(pod, observed);
    await Promise.all(actions.kill.map((kill) => restartKill(pod, kill, this.graces, podIp(observed, this.services), this.services)));
    const cgroupParent = await this.cgroup(pod);
    await Promise.all(actions.remove.map((id) => runtime.removeContainer(id)));
    let retry_ms: number | undefined;
    const failed = (name: string, error: WaitingError) => {
      this.reporter.waiting.set(name, { reason: error.reason, message: error.message });
      retry_ms = Math.min(retry_ms ?? Number.POSITIVE_INFINITY, error.retryAfter_ms ?? this.loop.nextRetry_ms());
    };
    const start = new PodStart(
      pod,
      this.services,
      cgroupParent,
      this.starting.signal,
      this.graces,
      ({ container }, error) => failed(container.name, error),
      ({ container }) => {
        this.reporter.waiting.delete(container.name);
        // Its running is what the next one waits for.
        if (isSidecar(container)) this.wake();
      },
    );
    let first: FirstStart | undefined;
    try {
      first = await start.run(actions, observed);
    } finally {
      const after = await this.observe(pod, first && runtime.podStatus(pod.metadata.uid, first));
      // A container that had to start anew for it may run now.
      this.resize.settle(pod, after);
      await this.reporter.report(this.services.statuses.newest(pod), after);
    }
    return retry_ms;
  }

  /** The pod's control group, made or brought to what the pod asks for. */
  private async cgroup(pod: Pod): Promise<string> {
    try {
      return await this.services.cgroups.apply(pod);
    } catch (error) {
      const message = `unable to ensure pod container exists: ${(error as Error).message}`;
      this.services.events.event(pod, 'Warning', 'FailedCreatePodContainer', message);
      throw error;
    }
  }

  /** `status`: where it need not be looked for. */
  private async observe(pod: Pod, status: RuntimePod | Promise<RuntimePod> | undefined = undefined): Promise<RuntimePod> {
    const observed = await (status ?? this.services.runtime.podStatus(pod.metadata.uid));
    const running = observed.containers.filter(({ state }) => state === 'running');
    this.loop.looked();
    if (!this.starting.signal.aborted) this.services.probes.sync(pod, running, podIp(observed, this.services));
    return observed;
  }
}
