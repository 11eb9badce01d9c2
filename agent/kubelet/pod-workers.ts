// All pods' workers: fed by the API's pods of this node and the runtime's events, with a slow look at everything as a safety net.
import { sleep } from '../../src/apimachinery/clock.js';
import type { Informer } from '../../src/client/informer.js';
import { isPodActive, isPodTerminal } from '../../src/kinds/core/podutil.js';
import type { Node, Pod } from '../../src/kinds/types/core_v1.js';
import type { Failure } from './failure.js';
import { PodWorker, type Verdict } from './pod-worker.js';
import { PREEMPTED } from './preemption.js';
import type { PodServices } from './services.js';
import { mirroredUid } from './static/mirror.js';
import { StaticPods } from './static/static-pods.js';

/** After the runtime went away: its events are few, and a dead engine is soon back. */
const RECONNECT_MS = 500;
/** Where ends cannot be known early, which there is no hurry to find otherwise. */
const EARLY_RECONNECT_MS = 10_000;

export class PodWorkers {
  private readonly workers = new Map<string, PodWorker>();
  readonly statics: StaticPods;

  constructor(
    private readonly services: PodServices,
    private readonly informer: Informer<Pod>,
    private readonly stopping: AbortSignal,
    nodeObject: () => Node | undefined,
  ) {
    this.statics = new StaticPods({ ...services, informer, node: nodeObject, runner: this });
  }

  /** Follows the API and the runtime until the agent stops. */
  start(): void {
    const follow = () =>
      this.informer.onChange(({ old, new: pod }) => {
        // What stands for a static pod is not run, it is only shown.
        if (mirroredUid((pod ?? old)!) !== undefined) this.statics.mirrorChanged(old, pod);
        else if (pod) this.update(pod, old === undefined);
        else if (old) this.delete(old);
        if (old && (!pod || freesResources(old, pod))) this.wakeDeferred();
      });
    let unsubscribe = () => {};
    // Those that this node has taken before come first, and then the older: who is new must not take their place.
    this.informer.whenSynced(this.stopping).then(
      () => {
        for (const pod of this.informer
          .list()
          .filter((each) => mirroredUid(each) === undefined)
          .sort(byAge))
          this.update(pod);
        unsubscribe = follow();
      },
      () => undefined,
    );
    const stop = () => {
      unsubscribe();
      for (const worker of this.workers.values()) worker.stop();
    };
    this.stopping.addEventListener('abort', stop, { once: true });
    void this.followRuntime();
    void this.followDeaths();
    void this.relist();
  }

  wake(podUid: string): void {
    this.workers.get(podUid)?.wake();
  }

  has(podUid: string): boolean {
    return this.workers.has(podUid);
  }

  /** `isNew`: it came while the agent looked on, so nothing of it can be there yet. */
  update(pod: Pod, isNew = false): void {
    const { uid } = pod.metadata;
    const worker = this.workers.get(uid);
    if (worker) worker.update(pod);
    else this.workers.set(uid, new PodWorker(pod, this.services, () => this.ended(uid), { ...this.verdict(pod), isNew }));
  }

  /** Only a pod that is new to the node is asked about; one that is over or goes takes nothing. */
  private verdict(pod: Pod): Omit<Verdict, 'isNew'> {
    if (wasTaken(pod) || !isPodActive(pod)) return { failure: undefined, hasRoom: () => true };
    const { events, admit, metrics } = this.services;
    metrics.starts.seen(pod.metadata.uid);
    const { failure, preempts, signal = '' } = admit(pod, this.active());
    if (failure) events.event(pod, 'Warning', failure.reason, failure.message.replace(/^Pod was rejected: /, ''));
    for (const victim of preempts) {
      events.event(victim, 'Warning', PREEMPTED.reason, PREEMPTED.message);
      metrics.count('kubelet_preemptions', signal);
      this.fail(victim.metadata.uid, PREEMPTED);
    }
    return { failure, hasRoom: () => preempts.every(({ metadata }) => this.isDown(metadata.uid)) };
  }

  /** The pods that take part of the node's resources. */
  active(): readonly Pod[] {
    return [...this.workers.values()].filter((worker) => worker.isActive).map((worker) => worker.given);
  }

  /** Nothing of it runs any more. */
  isDown(podUid: string): boolean {
    const worker = this.workers.get(podUid);
    return worker === undefined || worker.isTerminal;
  }

  /** What has exited of pods that are over but still in the API. */
  async removeDead(): Promise<void> {
    const { runtime } = this.services;
    const over = [...this.workers.values()].filter((worker) => worker.isTerminal);
    for (const { current } of over) {
      const { containers } = await runtime.podStatus(current.metadata.uid);
      for (const { id, state } of containers) if (state === 'exited') await runtime.removeContainer(id);
    }
  }

  fail(podUid: string, failure: Failure): void {
    this.workers.get(podUid)?.fail(failure);
  }

  /** Resizes for which there was no room. */
  private wakeDeferred(): void {
    for (const worker of this.workers.values()) if (worker.isDeferred) worker.wake();
  }

  /** It is to run no more. */
  delete(pod: Pod): void {
    this.workers.get(pod.metadata.uid)?.delete(pod);
  }

  private ended(uid: string): void {
    this.workers.delete(uid);
    this.statics.ended(uid);
  }

  private wakeAll(): void {
    const { metrics, clock } = this.services;
    metrics.relisted();
    const began_ms = clock.monotonic();
    const looks = [...this.workers.values()].map((worker) => worker.look());
    void Promise.all(looks).then(() => metrics.relistTook(clock.monotonic() - began_ms));
  }

  private async followRuntime(): Promise<void> {
    const { runtime, clock, log } = this.services;
    while (!this.stopping.aborted) {
      try {
        for await (const event of runtime.events(this.stopping, () => this.wakeAll())) {
          // We start and remove ourselves, and look at the outcome then.
          if (event.type === 'died') this.workers.get(event.podUid)?.died(event.containerId);
          else if (event.type === 'oom') this.wake(event.podUid);
        }
      } catch (error) {
        if (!this.stopping.aborted) log.warn({ error: (error as Error).message }, 'lost the events of the container runtime');
      }
      if (!(await this.pause(clock, RECONNECT_MS))) return;
    }
  }

  /** Only sooner than the runtime's events, which tell of each once more. */
  private async followDeaths(): Promise<void> {
    const { runtime, clock, log } = this.services;
    do {
      try {
        for await (const { podUid, containerId } of runtime.deaths(this.stopping)) this.workers.get(podUid)?.dies(containerId);
      } catch (error) {
        if (!this.stopping.aborted)
          log.debug({ error: (error as Error).message }, 'ends of containers are told when the engine tells of them');
      }
    } while (await this.pause(clock, EARLY_RECONNECT_MS));
  }

  /** After syncFrequency an event that was lost can no longer go unnoticed, and a mounted ConfigMap no longer be old. */
  private async relist(): Promise<void> {
    while (await this.pause(this.services.clock, this.services.settings.syncFrequency)) this.wakeAll();
  }

  /** False when the agent stops. */
  private pause(clock: PodServices['clock'], delay_ms: number): Promise<boolean> {
    return sleep(clock, delay_ms, this.stopping).then(
      () => true,
      () => false,
    );
  }
}

/** A kubelet gives a pod its start time with the first status that it reports. */
const wasTaken = ({ status }: Pod) => status.startTime !== undefined;

/** It is over now, or may ask for less. */
const freesResources = (old: Pod, pod: Pod) =>
  pod.metadata.generation !== old.metadata.generation || (isPodTerminal(pod) && !isPodTerminal(old));

function byAge(a: Pod, b: Pod): number {
  const age = (pod: Pod) => `${wasTaken(pod) ? 0 : 1} ${pod.metadata.creationTimestamp ?? ''}`;
  return age(a) < age(b) ? -1 : 1;
}
