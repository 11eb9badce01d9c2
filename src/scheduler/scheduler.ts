// The scheduler's run loop: informers feed the queue and the cache; each pod goes through one cycle and is bound.
import { setMaxListeners } from 'node:events';
import { type Clock, type Random, rfc3339 } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import { isBeingDeleted, objectKey } from '../apimachinery/object.js';
import { StatusError } from '../apimachinery/status.js';
import type { Client } from '../client/client.js';
import type { EventRecorder } from '../client/events.js';
import type { Change, Informer, Informers } from '../client/informer.js';
import type { PodDecider, PodDecisions } from '../client/pod-decisions.js';
import { namespaces } from '../kinds/core/namespace.js';
import { nodes } from '../kinds/core/node.js';
import { pods } from '../kinds/core/pod.js';
import { isPodTerminal, podCondition } from '../kinds/core/podutil.js';
import { services } from '../kinds/core/service.js';
import { podDisruptionBudgets } from '../kinds/policy/poddisruptionbudget.js';
import type { Namespace, Node, Pod, Service } from '../kinds/types/core_v1.js';
import type { PodDisruptionBudget } from '../kinds/types/policy_v1.js';
import { schedule } from './cycle.js';
import { keptDecision, recordOf } from './decision.js';
import { DecisionStore } from './decision-store.js';
import type { ClusterEvent, Decision, NodeInfo, PluginContext, PostFilterResult, Snapshot } from './define.js';
import { Nominator } from './nominator.js';
import { podDecisions, trialDecisions } from './pod-decisions.js';
import { postFilter } from './post-filter.js';
import { DEFAULT_SCHEDULER_NAME, defaultProfile } from './profile.js';
import { type QueuedPod, SchedulingQueue } from './queue.js';
import { SchedulerCache } from './snapshot.js';
import { StorageCache } from './storage.js';

/** Bindings and status writes under way at once: enough to keep the store's group commit full, and a bound on memory. */
const WRITES_MAX = 64;
/** A pod that no plugin spoke of, since there was no node to speak of. */
const HELPED_BY_NODES: readonly ClusterEvent[] = ['NodeAdd', 'NodeUpdate'];

export interface SchedulerOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly events: EventRecorder;
}

export interface RunningScheduler extends PodDecider {
  /** It knows pods and nodes, and has not been stopped. */
  readonly ready: boolean;
  /** Stops taking pods and resolves once the bindings under way have ended. */
  stop(): Promise<void>;
}

export function startScheduler(options: SchedulerOptions): RunningScheduler {
  return new Scheduler(options);
}

class Scheduler implements RunningScheduler {
  readonly #cache = new SchedulerCache();
  readonly #queue: SchedulingQueue;
  readonly #services: Informer<Service>;
  readonly #namespaces: Informer<Namespace>;
  readonly #storage: StorageCache;
  readonly #writes = new Set<Promise<void>>();
  /** Pods that have a node and wait for their volumes: they take no turn of the writes, of which there are few at once. */
  readonly #waiting = new Set<Promise<void>>();
  readonly #budgets: Informer<PodDisruptionBudget>;
  readonly #nominator = new Nominator();
  readonly #decisions = new DecisionStore();
  readonly #unsubscribe: (() => void)[];
  readonly #stopping = new AbortController();
  readonly #profile = defaultProfile();
  #nextStart = 0;
  ready = false;
  /** The loop is under way and will look at the queue again by itself. */
  #looping = false;
  #loop: Promise<void> | undefined;

  constructor(private readonly options: SchedulerOptions) {
    const { informers, clock } = options;
    this.#queue = new SchedulingQueue(clock, () => this.#wake());
    this.#services = informers.of(services);
    this.#namespaces = informers.of(namespaces);
    this.#budgets = informers.of(podDisruptionBudgets);
    this.#storage = new StorageCache(informers, clock);
    const podInformer = informers.of(pods);
    const nodeInformer = informers.of(nodes);
    this.#unsubscribe = [
      podInformer.onChange((change) => this.#podChanged(change)),
      nodeInformer.onChange((change) => this.#nodeChanged(change)),
      this.#storage.onChange(() => this.#queue.happened('StorageChange')),
    ];
    // Each pod that waits for its volumes listens to it.
    setMaxListeners(0, this.#stopping.signal);
    void this.#start([podInformer, nodeInformer, this.#services, this.#namespaces, this.#budgets, ...this.#storage.informers]);
  }

  async stop(): Promise<void> {
    this.ready = false;
    this.#stopping.abort(new Error('scheduler stopped'));
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#queue.close();
    await this.#loop;
    await Promise.all(this.#waiting);
    await Promise.all(this.#writes);
  }

  decisionsOf(pod: Pod): PodDecisions {
    const key = objectKey(pod);
    return podDecisions(pod, {
      schedulers: [this.#profile.schedulerName],
      place: this.#queue.placeOf(key),
      assumed: this.#cache.isAssumed(key),
      records: this.#decisions.of(pod.metadata.uid),
    });
  }

  async tryOut(pod: Pod): Promise<PodDecisions> {
    return trialDecisions(pod, [this.#profile.schedulerName], () => {
      const { random, clock } = this.options;
      const began = { at_ms: clock.now(), from_ms: clock.monotonic() };
      const snapshot = this.#snapshot();
      const decision = schedule(pod, snapshot, this.#profile, random, this.#nextStart);
      const post = decision.node ? undefined : postFilter(pod, decision, this.#context(snapshot));
      const duration_ms = clock.monotonic() - began.from_ms;
      return recordOf(keptDecision({ decision, postFilter: post, attempt: 0, at_ms: began.at_ms, duration_ms }));
    });
  }

  /** Nothing is placed before all is known: half a cache would overbook nodes. */
  async #start(informers: readonly { whenSynced(signal: AbortSignal): Promise<void> }[]): Promise<void> {
    try {
      await Promise.all(informers.map((informer) => informer.whenSynced(this.#stopping.signal)));
    } catch (reason) {
      // Informers that are stopped first end the wait too.
      if (!this.#stopping.signal.aborted) this.options.log.debug({ err: reason }, 'scheduler: informers ended before they were synced');
      return;
    }
    this.ready = !this.#stopping.signal.aborted;
    this.#wake();
  }

  #podChanged({ key, old, new: pod }: Change<Pod>): void {
    this.#nominator.podChanged(old, pod);
    if (old && old.metadata.uid !== pod?.metadata.uid) this.#decisions.forget(old.metadata.uid);
    const wasPlaced = old?.spec.nodeName && !isPodTerminal(old);
    if (!pod || isPodTerminal(pod)) {
      this.#queue.delete(key);
      const freed = wasPlaced || this.#cache.isAssumed(key);
      this.#cache.removePod(key);
      if (freed) this.#queue.happened('AssignedPodDelete');
    } else if (pod.spec.nodeName) {
      this.#queue.delete(key);
      this.#cache.setPod(pod);
      if (!wasPlaced || labelsText(old) !== labelsText(pod)) this.#queue.happened('AssignedPodAdd');
    } else if (isBeingDeleted(pod) || !isOurs(pod)) this.#queue.delete(key);
    else this.#queue.put(pod);
  }

  #nodeChanged({ key, old, new: node }: Change<Node>): void {
    if (node) this.#cache.setNode(node);
    else this.#cache.removeNode(key);
    if (!node) return;
    if (!old) this.#queue.happened('NodeAdd');
    else if (couldFitMore(old, node)) this.#queue.happened('NodeUpdate');
  }

  #wake(): void {
    if (!this.ready || this.#looping) return;
    this.#looping = true;
    this.#loop = this.#run();
  }

  /** Tries pods one by one until none is left; each cycle sees the assumptions of those before it. */
  async #run(): Promise<void> {
    for (;;) {
      // Also lets what else runs in this process have its turn.
      while (this.#writes.size >= WRITES_MAX) await Promise.race(this.#writes);
      const next = this.ready ? this.#queue.pop() : undefined;
      if (!next) break;
      this.#cycle(next);
    }
    // In the same step as the empty queue was seen: a wake from now on starts the loop anew.
    this.#looping = false;
  }

  #cycle(queued: QueuedPod): void {
    const { random, clock } = this.options;
    const began = { at_ms: clock.now(), from_ms: clock.monotonic() };
    const snapshot = this.#snapshot();
    const decision = schedule(queued.pod, snapshot, this.#profile, random, this.#nextStart);
    this.#nextStart = decision.nextStart;
    const { node } = decision;
    const post = node ? undefined : postFilter(queued.pod, decision, this.#context(snapshot));
    const duration_ms = clock.monotonic() - began.from_ms;
    this.#decisions.add({ decision, postFilter: post, attempt: queued.attempts, at_ms: began.at_ms, duration_ms });
    if (!node) {
      this.#noNode(queued, decision, post);
      return;
    }
    const prepared = this.#preBind(queued.pod, snapshot, node);
    this.#cache.assume(queued.pod, node.name);
    if (prepared.length === 0) this.#write(this.#bind(queued, node.name));
    else this.#track(this.#waiting, this.#bindOnce(prepared, queued, node.name));
  }

  #snapshot(): Snapshot {
    return this.#cache.snapshot({
      nominated: this.#nominator.byNode,
      services: this.#services.list(),
      namespaceLabels: (name) => this.#namespaces.get({ name })?.metadata.labels ?? {},
      storage: this.#storage,
    });
  }

  #context(snapshot: Snapshot): PluginContext {
    const { client, clock, random, events } = this.options;
    const until = (condition: (storage: Snapshot['storage']) => boolean) =>
      this.#storage.until(() => condition(this.#storage), this.#stopping.signal);
    return { client, clock, random, events, snapshot, until, budgets: () => this.#budgets.list() };
  }

  #noNode(queued: QueuedPod, decision: Decision, post: PostFilterResult | undefined): void {
    const { pod } = queued;
    if (post?.nominatedNode !== undefined) this.#nominator.nominate(pod, post.nominatedNode);
    this.#queue.unschedulable(queued, this.#whatCouldHelp(decision, post));
    this.#write(this.#tellUnschedulable(pod, [decision.message, post?.message].filter(Boolean).join(' '), post?.nominatedNode));
    if (post?.carryOut) this.#write(this.#carryOut(queued, post.carryOut()));
  }

  async #carryOut(queued: QueuedPod, done: Promise<void>): Promise<void> {
    try {
      await done;
    } catch (error) {
      this.options.log.warn({ pod: queued.key }, `making room for it failed, trying again: ${(error as Error).message}`);
      this.#nominator.nominate(queued.pod, '');
      this.#queue.backOff(queued);
    }
  }

  #preBind(pod: Pod, snapshot: Snapshot, node: NodeInfo): readonly Promise<void>[] {
    if (this.#profile.preBind.length === 0) return [];
    const context = this.#context(snapshot);
    return this.#profile.preBind.flatMap((plugin) => plugin.preBind?.(pod, node, context) ?? []);
  }

  async #bindOnce(prepared: readonly Promise<void>[], queued: QueuedPod, node: string): Promise<void> {
    try {
      await Promise.all(prepared);
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#giveBack(queued, error as Error);
      return;
    }
    this.#write(this.#bind(queued, node));
  }

  #whatCouldHelp({ refusedBy, refusedAll, restrictedBy }: Decision, post: PostFilterResult | undefined): ReadonlySet<ClusterEvent> {
    const refusing = new Set([...refusedBy, ...(refusedAll ? [refusedAll.plugin] : []), ...(restrictedBy?.plugins ?? [])]);
    const victims: readonly ClusterEvent[] = post?.preemption ? ['AssignedPodDelete'] : [];
    return new Set([...HELPED_BY_NODES, ...victims, ...[...refusing].flatMap(({ events = [] }) => events.map(({ event }) => event))]);
  }

  #write(write: Promise<void>): void {
    this.#track(this.#writes, write);
  }

  #track(all: Set<Promise<void>>, one: Promise<void>): void {
    const tracked = one.finally(() => all.delete(tracked));
    all.add(tracked);
  }

  async #bind(queued: QueuedPod, node: string): Promise<void> {
    const { client, events } = this.options;
    const { namespace, name, uid } = queued.pod.metadata;
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, uid, ...(namespace ? { namespace } : {}) },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    };
    try {
      await client.post(pods, { namespace, name }, 'binding', binding);
      events.event(queued.pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${node}`);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      if (error.reason === 'NotFound') this.#vanished(queued);
      else this.#giveBack(queued, error);
    }
  }

  /** Takes the assumption back, so that others can have the place, and tries the pod again later. */
  #giveBack(queued: QueuedPod, error: Error): void {
    const { log, events } = this.options;
    this.#cache.forget(queued.pod);
    this.#queue.happened('AssignedPodDelete');
    this.#queue.backOff(queued);
    log.warn({ pod: queued.key }, `binding failed, trying again: ${error.message}`);
    events.event(queued.pod, 'Warning', 'FailedScheduling', `binding rejected: ${error.message}`);
  }

  /** There is nothing left to place. */
  #vanished({ pod }: QueuedPod): void {
    this.#cache.forget(pod);
    this.#queue.happened('AssignedPodDelete');
  }

  async #tellUnschedulable(pod: Pod, message: string, nominatedNode: string | undefined): Promise<void> {
    const { client, clock, events, log } = this.options;
    events.event(pod, 'Warning', 'FailedScheduling', message);
    const before = podCondition(pod, 'PodScheduled');
    const nominates = nominatedNode !== undefined && nominatedNode !== (pod.status.nominatedNodeName ?? '');
    if (before?.status === 'False' && before.reason === 'Unschedulable' && before.message === message && !nominates) return;
    const now = rfc3339(clock.now());
    const lastTransitionTime = before?.status === 'False' ? (before.lastTransitionTime ?? now) : now;
    const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime };
    try {
      const nomination = nominates ? { nominatedNodeName: nominatedNode || null } : {};
      const patch = { metadata: { uid: pod.metadata.uid }, status: { conditions: [condition], ...nomination } };
      await client.patch(pods, pod.metadata, 'application/strategic-merge-patch+json', patch, 'status');
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      // The event has told of it, and the next try tells again.
      if (error.reason !== 'NotFound') log.warn({ pod: objectKey(pod), reason: error.reason }, `condition not written: ${error.message}`);
    }
  }
}

/** Ours to place: by its scheduler's name, and not held back by a gate. */
function isOurs({ spec }: Pod): boolean {
  return (spec.schedulerName ?? DEFAULT_SCHEDULER_NAME) === DEFAULT_SCHEDULER_NAME && (spec.schedulingGates ?? []).length === 0;
}

const labelsText = ({ metadata }: Pod): string => JSON.stringify(metadata.labels ?? {});

/** Heartbeats change a node's status all the time; only these parts decide what fits. */
function couldFitMore(before: Node, now: Node): boolean {
  const text = ({ spec, metadata, status }: Node) => JSON.stringify([spec.unschedulable, spec.taints, metadata.labels, status.allocatable]);
  return text(before) !== text(now);
}
