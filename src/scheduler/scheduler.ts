// The scheduler's run loop: each pod goes through one cycle and is bound; the cycle after it sees what was assumed, not what has been written.
import { setMaxListeners } from 'node:events';
import { setImmediate as othersTurn } from 'node:timers/promises';
import type { Clock, Random } from '../apimachinery/clock.js';
import type { Exposition } from '../apimachinery/exposition.js';
import type { Logger } from '../apimachinery/logger.js';
import { objectKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import type { Client } from '../client/client.js';
import type { EventRecorder } from '../client/events.js';
import type { Informers } from '../client/informer.js';
import type { PodDecider, PodDecisions } from '../client/pod-decisions.js';
import type { Pod } from '../kinds/types/core_v1.js';
import { DEFAULT_SCHEDULER_NAME } from '../kinds/wellknown.js';
import { bind, reserveAndPrepare, unreserve } from './binding.js';
import { ClusterView } from './cluster-view.js';
import { schedule } from './cycle.js';
import { DecisionStore, recordOfAttempt } from './decision-store.js';
import type { Decision, NodeInfo, PluginContext, PostFilterResult, Profile, Snapshot } from './define.js';
import { refusingOf } from './hints.js';
import type { CycleMeter } from './meter.js';
import { SchedulerMetrics } from './metrics.js';
import { type Failure, tellFailure } from './outcome.js';
import { podDecisions, trialDecisions } from './pod-decisions.js';
import { postFilter, postFilterCode } from './post-filter.js';
import { defaultProfile } from './profile.js';
import { type QueuedPod, SchedulingQueue } from './queue.js';
import { reusedNumbers } from './scoring.js';

/** Bindings and status writes under way at once: enough to keep the store's group commit full, and a bound on memory. */
const WRITES_MAX = 64;
/** After so long what else runs in this process has its turn. */
const SLICE_MS = 5;

export interface SchedulerOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Under the name of each profile, as upstream's tell of themselves. */
  readonly events: (schedulerName: string) => EventRecorder;
  /** One for each `schedulerName` that is ours, all with the same queue sort; absent: upstream's default. */
  readonly profiles?: readonly Profile[];
  /** Upstream's podInitialBackoffSeconds and podMaxBackoffSeconds. */
  readonly backoffInitial_ms?: number;
  readonly backoffMax_ms?: number;
  /** Told of each attempt; for measuring. */
  readonly observe?: (decision: Decision, duration_ms: number) => void;
}

export interface RunningScheduler extends PodDecider {
  /** It knows pods and nodes, and has not been stopped. */
  readonly ready: boolean;
  /** Stops taking pods and resolves once the bindings under way have ended. */
  stop(): Promise<void>;
  writeMetrics(out: Exposition): void;
}

export function startScheduler(options: SchedulerOptions): RunningScheduler {
  return new Scheduler(options);
}

/** One attempt at a pod that has found its node. */
interface Placement {
  readonly queued: QueuedPod;
  readonly node: NodeInfo;
  readonly profile: Profile;
  readonly context: PluginContext;
  readonly meter: CycleMeter;
  readonly began_ms: number;
}

class Scheduler implements RunningScheduler {
  readonly #profiles: ReadonlyMap<string, Profile>;
  readonly #view: ClusterView;
  readonly #queue: SchedulingQueue;
  readonly #decisions = new DecisionStore();
  readonly #metrics: SchedulerMetrics;
  readonly #writes = new Set<Promise<void>>();
  /** Pods that have a node and wait for their volumes: they take no turn of the writes, of which there are few at once. */
  readonly #waiting = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #nextStart = 0;
  readonly #numbers = reusedNumbers();
  ready = false;
  /** The loop is under way and will look at the queue again by itself. */
  #looping = false;
  #loop: Promise<void> | undefined;
  /** Resolves the loop's wait for a write to end. */
  #roomForWrite: (() => void) | undefined;

  constructor(private readonly options: SchedulerOptions) {
    const { informers, clock, profiles = [defaultProfile()], backoffInitial_ms, backoffMax_ms } = options;
    this.#profiles = new Map(profiles.map((profile) => [profile.schedulerName, profile]));
    this.#metrics = new SchedulerMetrics(clock);
    this.#queue = new SchedulingQueue({
      clock,
      wake: () => this.#wake(),
      less: (a, b) => profiles[0]!.queueSort.less!(a, b),
      gate: (pod) => this.#gate(pod),
      ...(backoffInitial_ms !== undefined && { backoffInitial_ms }),
      ...(backoffMax_ms !== undefined && { backoffMax_ms }),
    });
    this.#view = new ClusterView(informers, clock, options.log);
    this.#view.follow(
      this.#queue,
      (pod) => this.#profileOf(pod) !== undefined,
      (pod) => this.#decisions.forget(pod.metadata.uid),
    );
    // Each pod that waits for its volumes listens to it.
    setMaxListeners(0, this.#stopping.signal);
    void this.#start();
  }

  async stop(): Promise<void> {
    this.ready = false;
    this.#stopping.abort(new Error('scheduler stopped'));
    this.#view.stop();
    this.#queue.close();
    await this.#loop;
    await Promise.all(this.#waiting);
    await Promise.all(this.#writes);
  }

  writeMetrics(out: Exposition): void {
    this.#metrics.write(out, this.#queue);
  }

  decisionsOf(pod: Pod): PodDecisions {
    const key = objectKey(pod);
    return podDecisions(pod, {
      schedulers: [...this.#profiles.keys()],
      place: this.#queue.placeOf(key),
      assumed: this.#view.cache.isAssumed(key),
      records: this.#decisions.of(pod.metadata.uid),
    });
  }

  async tryOut(pod: Pod): Promise<PodDecisions> {
    return trialDecisions(pod, [...this.#profiles.keys()], () => {
      const at_ms = this.options.clock.now();
      const { decision, post, duration_ms } = this.#decide(pod, this.#profileOf(pod)!);
      return recordOfAttempt({ decision, postFilter: post, attempt: 0, at_ms, duration_ms });
    });
  }

  /** Nothing is placed before all is known: half a cache would overbook nodes. */
  async #start(): Promise<void> {
    try {
      await this.#view.whenSynced(this.#stopping.signal);
    } catch (reason) {
      // Informers that are stopped first end the wait too.
      if (!this.#stopping.signal.aborted) this.options.log.debug({ err: reason }, 'scheduler: informers ended before they were synced');
      return;
    }
    this.ready = !this.#stopping.signal.aborted;
    this.#wake();
  }

  #profileOf({ spec }: Pod): Profile | undefined {
    return this.#profiles.get(spec.schedulerName ?? DEFAULT_SCHEDULER_NAME);
  }

  #gate(pod: Pod): string | undefined {
    const profile = this.#profileOf(pod);
    if (!profile) return undefined;
    const { clock } = this.options;
    const began_ms = clock.monotonic();
    const holding = profile.preEnqueue.find((plugin) => plugin.preEnqueue!(pod) !== undefined);
    const code = holding ? 'UnschedulableAndUnresolvable' : 'Success';
    this.#metrics.of(profile).ran('PreEnqueue', code, clock.monotonic() - began_ms);
    return holding?.name;
  }

  #wake(): void {
    if (!this.ready || this.#looping) return;
    this.#looping = true;
    this.#loop = this.#run();
  }

  /** Tries pods one by one until none is left; each cycle sees the assumptions of those before it. */
  async #run(): Promise<void> {
    const { clock } = this.options;
    let slice_ms = clock.monotonic();
    for (;;) {
      while (this.#writes.size >= WRITES_MAX) {
        await new Promise<void>((resolve) => {
          this.#roomForWrite = resolve;
        });
        slice_ms = clock.monotonic();
      }
      if (clock.monotonic() - slice_ms > SLICE_MS) {
        await othersTurn();
        slice_ms = clock.monotonic();
      }
      const next = this.ready ? this.#queue.pop() : undefined;
      if (!next) break;
      this.#attempt(next);
    }
    // In the same step as the empty queue was seen: a wake from now on starts the loop anew.
    this.#looping = false;
  }

  /** What goes wrong with one pod is that pod's matter: the loop goes on. */
  #attempt(queued: QueuedPod): void {
    const { clock, log } = this.options;
    const began_ms = clock.monotonic();
    try {
      this.#cycle(queued, began_ms);
    } catch (error) {
      log.error({ pod: queued.key, err: error }, 'scheduling cycle failed');
      this.#view.cache.forget(queued.pod);
      this.#failed(queued, this.#profileOf(queued.pod)!, began_ms, { message: (error as Error).message });
    }
  }

  #cycle(queued: QueuedPod, began_ms: number): void {
    const { pod } = queued;
    const profile = this.#profileOf(pod)!;
    const at_ms = this.options.clock.now();
    const meter = this.#metrics.of(profile).cycle();
    const { decision, post, context, duration_ms } = this.#decide(pod, profile, meter);
    this.#decisions.add({ decision, postFilter: post, attempt: queued.attempts, at_ms, duration_ms });
    this.#nextStart = decision.nextStart;
    this.#metrics.decided(duration_ms);
    this.options.observe?.(decision, duration_ms);
    if (decision.node) this.#place({ queued, node: decision.node, profile, context, meter, began_ms });
    else if (decision.failed) this.#failed(queued, profile, began_ms, { message: decision.message });
    else this.#noNode(queued, decision, post, began_ms);
  }

  #decide(pod: Pod, profile: Profile, meter?: CycleMeter) {
    const { random, clock } = this.options;
    const began_ms = clock.monotonic();
    const snapshot = this.#view.snapshot();
    const context = this.#context(snapshot, profile);
    const decision = schedule(pod, snapshot, profile, random, this.#nextStart, this.#numbers, meter);
    const post = decision.node ? undefined : postFilter(pod, decision, context, meter);
    if (!decision.node) meter?.ran('PostFilter', postFilterCode(post));
    return { decision, post, context, duration_ms: clock.monotonic() - began_ms };
  }

  #context(snapshot: Snapshot, profile: Profile): PluginContext {
    const { client, clock, random } = this.options;
    const events = this.options.events(profile.schedulerName);
    const { storage, budgets } = this.#view;
    const until: PluginContext['until'] = (condition, timeout_ms) =>
      storage.until(() => condition(storage), timeout_ms, this.#stopping.signal);
    return { client, clock, random, events, snapshot, until, budgets };
  }

  #noNode(queued: QueuedPod, decision: Decision, post: PostFilterResult | undefined, began_ms: number): void {
    const { pod } = queued;
    const { clock } = this.options;
    if (post?.nominatedNode !== undefined) this.#view.nominator.nominate(pod, post.nominatedNode);
    if (post?.preemption) this.#metrics.preempted(post.preemption.chosen?.victims.pods.length);
    this.#queue.unschedulable(queued, refusingOf(decision, post), Boolean(post?.nominatedNode));
    this.#metrics.attempted('unschedulable', decision.profile.schedulerName, clock.monotonic() - began_ms);
    const message = [decision.message, post?.message].filter(Boolean).join(' ');
    this.#tell(pod, decision.profile, { reason: 'Unschedulable', message, nominatedNode: post?.nominatedNode });
    if (post?.carryOut) this.#write(this.#carryOut(queued, post.carryOut()));
  }

  async #carryOut(queued: QueuedPod, done: Promise<void>): Promise<void> {
    try {
      await done;
      this.#queue.ungated(queued);
    } catch (error) {
      this.options.log.warn({ pod: queued.key }, `making room for it failed, trying again: ${(error as Error).message}`);
      this.#view.nominator.nominate(queued.pod, '');
      this.#queue.backOff(queued);
    }
  }

  #place(placement: Placement): void {
    const { queued, node, profile, context, meter } = placement;
    this.#view.cache.assume(queued.pod, node.name);
    this.#view.nominator.nominate(queued.pod, '');
    const before = reserveAndPrepare(queued.pod, node, profile, context, meter);
    if (before) this.#track(this.#waiting, this.#bindAfter(before, placement));
    else this.#write(this.#bind(placement));
  }

  async #bindAfter(before: Promise<void>, placement: Placement): Promise<void> {
    try {
      await before;
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#giveBack(placement, (error as Error).message);
      return;
    }
    this.#write(this.#bind(placement));
  }

  async #bind(placement: Placement): Promise<void> {
    const { queued, node, profile, context, meter, began_ms } = placement;
    const { namespace, name } = queued.pod.metadata;
    const { clock } = this.options;
    try {
      await bind(queued.pod, node, profile, context, meter);
      const now_ms = clock.monotonic();
      this.#metrics.attempted('scheduled', profile.schedulerName, now_ms - began_ms);
      this.#metrics.bound(queued, now_ms);
      context.events.event(queued.pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${node.name}`);
    } catch (error) {
      if (isStatus(error, 'NotFound')) this.#takeBack(placement);
      else this.#giveBack(placement, `binding rejected: ${(error as Error).message}`);
    }
  }

  /** Takes the assumption back, so that others can have the place, and tries the pod again later. */
  #giveBack(placement: Placement, message: string): void {
    const { queued, profile, began_ms } = placement;
    this.#takeBack(placement);
    this.#decisions.failed(queued.pod.metadata.uid, message);
    this.options.log.warn({ pod: queued.key }, `binding failed, trying again: ${message}`);
    this.#failed(queued, profile, began_ms, { message, ifUnchanged: true });
  }

  #takeBack({ queued, node, profile, context }: Placement): void {
    unreserve(queued.pod, node, profile, context);
    if (this.#view.cache.forget(queued.pod)) this.#queue.happened('AssignedPodDelete', queued.pod);
  }

  /** For a reason that may pass by itself. */
  #failed(queued: QueuedPod, profile: Profile, began_ms: number, failure: Omit<Failure, 'reason'>): void {
    this.#queue.backOff(queued);
    this.#metrics.attempted('error', profile.schedulerName, this.options.clock.monotonic() - began_ms);
    this.#tell(queued.pod, profile, { reason: 'SchedulerError', ...failure });
  }

  #tell(pod: Pod, { schedulerName }: Profile, failure: Failure): void {
    this.#write(tellFailure(pod, failure, { ...this.options, events: this.options.events(schedulerName) }));
  }

  #write(write: Promise<void>): void {
    this.#track(this.#writes, write);
  }

  #track(all: Set<Promise<void>>, one: Promise<void>): void {
    const tracked = one.finally(() => {
      all.delete(tracked);
      this.#roomForWrite?.();
    });
    all.add(tracked);
  }
}
