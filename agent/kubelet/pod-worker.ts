// One pod's life on this node, one step at a time: bring it to what its spec says, or to its end.
import type { Timer } from '../../src/apimachinery/clock.js';
import { isBeingDeleted } from '../../src/apimachinery/object.js';
import { isPodTerminal, isSidecar } from '../../src/kinds/core/podutil.js';
import type { Container, Pod } from '../../src/kinds/types/core_v1.js';
import type { FirstStart, RuntimePod } from '../runtime/runtime.js';
import { isManaged, setUpVolumes } from '../volumes/index.js';
import { VolumeError } from '../volumes/volume.js';
import { deletePod } from './delete-pod.js';
import { PodEnding } from './end-pod.js';
import type { Failure } from './failure.js';
import { Graces } from './grace.js';
import { deletionGrace_s, restartKill } from './kill.js';
import type { PodWork } from './metrics.js';
import { concernsUs, deadlineLeft_ms, isDefect, isIdle, podIp } from './pod-facts.js';
import { PodReporter } from './pod-reporter.js';
import { PodResize } from './pod-resize.js';
import type { PodServices } from './services.js';
import { PodStart } from './start-pod.js';
import { computeActions } from './sync-pod.js';
import type { WaitingError } from './waiting.js';

/** Waits between tries of what failed without a back-off of its own. The longest is upstream's. */
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 10_000;

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
  private dirty = false;
  private looping = false;
  /** Containers that are said to have ended since the last look. */
  private readonly dead = new Set<string>();
  /** Nothing of it is left on the node, or the agent stops. */
  private over = false;
  /** Aborted when the pod is to end, so that a pull does not hold it up. */
  private starting = new AbortController();
  /** While its containers are being ended. */
  private ending = false;
  private readonly graces: Graces;
  /** Why the node does not take it, or ends it. */
  private failure: Failure | undefined;
  private failures = 0;
  private retry: Timer | undefined;
  private isNew = true;
  /** Whoever waits for a look at it. */
  private looked: (() => void) | undefined;
  private readonly reporter: PodReporter;
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
    this.dirty = true;
    this.start();
    // The loop waits for the last of its containers.
    if (this.ending) void this.reporter.reportEnding(() => (this.ending ? this.pod : undefined));
  }

  /** A container of it has ended: told before all of the pod is looked at, which waits until the runtime is through with it. */
  dies(containerId: string): void {
    this.dead.add(containerId);
    this.start();
  }

  died(containerId: string): void {
    this.dead.add(containerId);
    this.wake();
  }

  /** The agent stops: the pod is left as it is. */
  stop(): void {
    this.over = true;
    this.retry?.cancel();
    this.starting.abort(new Error('the agent stops'));
    this.services.probes.remove(this.pod.metadata.uid);
  }

  /** Resolves once what runs of it was looked at; at once where a round is under way, which may take its time. */
  look(): Promise<void> {
    if (this.looping || this.over) {
      this.wake();
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.looked = resolve;
      this.wake();
    });
  }

  private start(): void {
    if (!this.looping && !this.over) void this.loop();
  }

  private async loop(): Promise<void> {
    this.looping = true;
    while ((this.dirty || this.dead.size > 0) && !this.over) {
      try {
        await this.tellDead();
        if (this.dirty) await this.work();
      } catch (error) {
        this.failedWith(error as Error);
      }
    }
    this.looping = false;
    this.looked?.();
  }

  private async work(): Promise<void> {
    const { clock, metrics } = this.services;
    this.dirty = false;
    this.retry?.cancel();
    const began_ms = clock.monotonic();
    const retryAfter_ms = await this.sync();
    metrics.podWorked(this.kindOfWork(), clock.monotonic() - began_ms);
    this.failures = 0;
    if (retryAfter_ms !== undefined) this.retryAfter(retryAfter_ms);
  }

  /** What the pod's end tells of is left to it. */
  private async tellDead(): Promise<void> {
    const dead = [...this.dead];
    this.dead.clear();
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

  private failedWith(error: Error): void {
    const { name, namespace } = this.pod.metadata;
    const fields = { pod: name, namespace, error: error.message };
    // One pod that meets a defect must not take the others of its node down; its stack is what there is to find it by.
    if (isDefect(error)) this.services.log.error({ ...fields, stack: error.stack }, 'pod sync met a defect, trying again');
    else this.services.log.warn(fields, 'pod sync failed, trying again');
    this.retryAfter(this.nextRetry_ms());
  }

  private nextRetry_ms(): number {
    return Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(this.failures++, 10)) * (0.75 + this.services.random.next() / 2);
  }

  private retryAfter(delay_ms: number): void {
    this.retry?.cancel();
    if (this.over) return;
    this.retry = this.services.clock.after(delay_ms, () => this.wake());
  }

  /** When to look again even if nothing changes; undefined: not needed. */
  private async sync(): Promise<number | undefined> {
    const { statuses, clock, events } = this.services;
    const pod = statuses.newest(this.pod);
    if (this.gone || isBeingDeleted(pod)) return this.end(pod, undefined);
    if (isPodTerminal(pod)) return this.bringDown(pod, undefined).then(() => undefined);
    if (this.failure) return this.bringDown(pod, this.failure).then(() => undefined);
    if (deadlineLeft_ms(pod, clock.now()) <= 0) {
      events.event(pod, 'Normal', DEADLINE_EXCEEDED.reason, DEADLINE_EXCEEDED.message);
      await this.bringDown(pod, DEADLINE_EXCEEDED);
      return undefined;
    }
    if (!this.verdict.hasRoom()) return ROOM_LOOK_MS;
    const retry_ms = await this.bringUp(this.resize.allocate(pod));
    // Asked again: the pod's time began with its first status.
    const next_ms = Math.min(retry_ms ?? Number.POSITIVE_INFINITY, deadlineLeft_ms(statuses.newest(this.pod), clock.now()));
    return Number.isFinite(next_ms) ? next_ms : undefined;
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
      await this.refreshVolumes(pod);
      return resizeAgain_ms;
    }
    if (actions.createSandbox && observed.sandboxes.length > 0) {
      events.event(pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
    }
    if (actions.killPod) await this.killAll(pod, observed);
    await Promise.all(actions.kill.map((kill) => restartKill(pod, kill, this.graces, podIp(observed, this.services), this.services)));
    const cgroupParent = await this.cgroup(pod);
    await Promise.all(actions.remove.map((id) => runtime.removeContainer(id)));
    let retry_ms: number | undefined;
    const failed = (name: string, error: WaitingError) => {
      this.reporter.waiting.set(name, { reason: error.reason, message: error.message });
      retry_ms = Math.min(retry_ms ?? Number.POSITIVE_INFINITY, error.retryAfter_ms ?? this.nextRetry_ms());
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
    if (retry_ms !== undefined) this.failures++;
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
    this.looked?.();
    if (!this.starting.signal.aborted) this.services.probes.sync(pod, running, podIp(observed, this.services));
    return observed;
  }

  /** ConfigMaps, Secrets and the pod's own labels may have changed since their files were written. */
  private async refreshVolumes(pod: Pod): Promise<void> {
    const managed = (pod.spec.volumes ?? []).filter(isManaged);
    if (managed.length === 0) return;
    const { dirs, node, sources, metrics } = this.services;
    await setUpVolumes(dirs.pod(pod.metadata.uid), managed, { pod, node, sources, metrics }).catch((error: Error) => {
      const each = error instanceof VolumeError ? error.each : [error.message];
      for (const text of each) this.services.events.event(pod, 'Warning', 'FailedMount', text);
      throw error;
    });
  }

  /** Ends what runs of it and its sandboxes; what has exited stays, for its logs. */
  private async killAll(pod: Pod, observed: RuntimePod): Promise<void> {
    // Of the newest object: a shorter grace may have come since this round began.
    const grace_s = Math.min(deletionGrace_s(this.pod), this.failure?.grace_s ?? Number.POSITIVE_INFINITY);
    this.ending = true;
    try {
      await this.graces.during(grace_s, (grace) => new PodEnding(pod, observed, grace, this.services).run());
    } finally {
      this.ending = false;
    }
  }

  /** The pod is over, but stays in the API. False where it was down already, so that nothing was done. */
  private async bringDown(pod: Pod, failure: Failure | undefined): Promise<boolean> {
    const { uid } = pod.metadata;
    const { runtime, probes, cgroups, dirs } = this.services;
    probes.retire(uid);
    const observed = await runtime.podStatus(uid);
    const isDown = observed.sandboxes.length === 0 && observed.containers.every(({ state }) => state !== 'running');
    if (!isDown) await this.killAll(pod, observed);
    probes.remove(uid);
    if (isDown && !failure) return false;
    await cgroups.remove(uid);
    await dirs.removeVolumes(uid);
    const after = await runtime.podStatus(uid);
    await this.reporter.report(this.services.statuses.newest(pod), after, { terminating: true, finished: true, failure });
    return true;
  }

  /** The pod is deleted: all of it goes, and then its object. */
  private async end(pod: Pod, failure: Failure | undefined): Promise<undefined> {
    const { runtime, statuses, dirs, logs, restarts, images, metrics } = this.services;
    const { uid, name, namespace = '' } = pod.metadata;
    const isCleared = await this.bringDown(pod, failure);
    if (!this.gone) await statuses.flush(uid);
    const left = await runtime.podStatus(uid);
    await Promise.all([...left.containers, ...left.sandboxes].map(({ id }) => runtime.removeContainer(id)));
    if (!isCleared) await this.services.cgroups.remove(uid);
    await dirs.remove(uid);
    await logs.remove({ uid, name, namespace });
    if (!this.gone) await deletePod(this.services.client, pod);
    restarts.reset(`${uid}/`);
    images.forgetPod(uid);
    metrics.starts.forget(uid);
    if (!this.gone) return;
    statuses.forget(uid);
    this.over = true;
    this.done();
  }
}
