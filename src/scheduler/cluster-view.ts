// What the scheduler knows of the cluster, kept right by informers: the cache, the queue, who is promised which node. Tells the queue of what may help.
import type { Clock } from '../apimachinery/clock.js';
import type { Logger } from '../apimachinery/logger.js';
import { isBeingDeleted, objectKey } from '../apimachinery/object.js';
import type { Change, Informer, Informers } from '../client/informer.js';
import { namespaces } from '../kinds/core/namespace.js';
import { nodes } from '../kinds/core/node.js';
import { pods } from '../kinds/core/pod.js';
import { isPodTerminal } from '../kinds/core/podutil.js';
import { services } from '../kinds/core/service.js';
import { podDisruptionBudgets } from '../kinds/policy/poddisruptionbudget.js';
import { volumeAttachments } from '../kinds/storage/volumeattachment.js';
import type { Namespace, Node, Pod, Service } from '../kinds/types/core_v1.js';
import type { PodDisruptionBudget } from '../kinds/types/policy_v1.js';
import type { Snapshot } from './define.js';
import { Nominator } from './nominator.js';
import type { SchedulingQueue } from './queue.js';
import { takesSame, unreadable } from './resources.js';
import { SchedulerCache } from './snapshot.js';
import { StorageCache } from './storage.js';

export class ClusterView {
  readonly cache = new SchedulerCache();
  readonly nominator = new Nominator((node) => this.cache.touch(node));
  readonly storage: StorageCache;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #services: Informer<Service>;
  readonly #namespaces: Informer<Namespace>;
  readonly #budgets: Informer<PodDisruptionBudget>;
  /** Listed anew only after one has changed. */
  #serviceList: readonly Service[] | undefined;
  #unsubscribe: readonly (() => void)[] = [];

  constructor(
    informers: Informers,
    clock: Clock,
    private readonly log: Logger,
  ) {
    this.#pods = informers.of(pods);
    this.#nodes = informers.of(nodes);
    this.#services = informers.of(services);
    this.#namespaces = informers.of(namespaces);
    this.#budgets = informers.of(podDisruptionBudgets);
    this.storage = new StorageCache(informers, clock);
  }

  /** From now on `queue` hears of everything; `forget` of every pod that is gone. */
  follow(queue: SchedulingQueue, isOurs: (pod: Pod) => boolean, forget: (pod: Pod) => void): void {
    this.#unsubscribe = [
      this.#nodes.onChange((change) => this.#nodeChanged(change, queue)),
      this.#pods.onChange((change) => {
        if (change.old && change.old.metadata.uid !== change.new?.metadata.uid) forget(change.old);
        this.#podChanged(change, queue, isOurs);
      }),
      this.#services.onChange(() => {
        this.#serviceList = undefined;
      }),
      this.#namespaces.onChange(({ old, new: now }) => {
        if (old && now && !sameText(old.metadata.labels, now.metadata.labels)) queue.happened('NamespaceUpdate');
      }),
      this.storage.onChange(({ old, new: now }) => {
        if ((now ?? old)?.kind !== volumeAttachments.kind) queue.happened('StorageChange', old, now);
        else if (!now) queue.happened('VolumeAttachmentDelete', old);
      }),
    ];
  }

  stop(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    const all = [this.#pods, this.#nodes, this.#services, this.#namespaces, this.#budgets, ...this.storage.informers];
    await Promise.all(all.map((informer) => informer.whenSynced(signal)));
  }

  /** Good until anything is next changed. */
  snapshot(): Snapshot {
    this.#serviceList ??= this.#services.list();
    // The spread comes last: properties that are added behind one cost microseconds each.
    return {
      nominated: this.nominator,
      services: this.#serviceList,
      namespaceLabels: this.#labelsOf,
      storage: this.storage,
      ...this.cache.nodes(),
    };
  }

  budgets = (): readonly PodDisruptionBudget[] => this.#budgets.list();

  #labelsOf = (namespace: string) => this.#namespaces.get({ name: namespace })?.metadata.labels ?? {};

  #podChanged({ key, old, new: pod }: Change<Pod>, queue: SchedulingQueue, isOurs: (pod: Pod) => boolean): void {
    this.nominator.podChanged(old, pod);
    const wasPlaced = old?.spec.nodeName && !isPodTerminal(old);
    if (!pod || isPodTerminal(pod)) {
      queue.delete(key);
      // What was promised to one that goes is free, too.
      const freed = wasPlaced || this.cache.isAssumed(key) || old?.status.nominatedNodeName;
      this.cache.removePod(key);
      if (freed) queue.happened('AssignedPodDelete', old);
    } else if (pod.spec.nodeName) {
      queue.delete(key);
      this.#tellUnreadable(old, pod);
      this.cache.setPod(pod);
      if (!wasPlaced) queue.happened('AssignedPodAdd', undefined, pod);
      else if (couldFreeOrAttract(old, pod)) queue.happened('AssignedPodUpdate', old, pod);
    } else if (isBeingDeleted(pod) || !isOurs(pod)) queue.delete(key);
    else queue.put(pod);
  }

  #nodeChanged({ key, old, new: node }: Change<Node>, queue: SchedulingQueue): void {
    if (node) {
      this.#tellUnreadable(old, node);
      this.cache.setNode(node);
    } else this.cache.removeNode(key);
    if (!node) queue.happened('NodeDelete', old);
    else if (!old) queue.happened('NodeAdd', undefined, node);
    else if (couldFitMore(old, node)) queue.happened('NodeUpdate', old, node);
  }

  /** Once: it does not change by being looked at. A pod that has no node yet is told so itself, by the plugin that cannot read it. */
  #tellUnreadable(old: Pod | Node | undefined, now: Pod | Node): void {
    const why = unreadable(now);
    if (why !== undefined && (!old || unreadable(old) !== why))
      this.log.warn({ [now.kind === 'Node' ? 'node' : 'pod']: objectKey(now) }, `resources that cannot be read count as none: ${why}`);
  }
}

/** Kubelets write a pod's status all the time: only labels, and room that is given back, can help another. */
function couldFreeOrAttract(old: Pod, now: Pod): boolean {
  return !sameText(old.metadata.labels, now.metadata.labels) || !takesSame(old, now);
}

/** Heartbeats change a node's status all the time; only these parts decide what fits. */
function couldFitMore(old: Node, now: Node): boolean {
  const parts = ({ spec, metadata, status }: Node) => [
    spec.unschedulable,
    spec.taints,
    metadata.labels,
    metadata.annotations,
    status.allocatable,
  ];
  return !sameText(parts(old), parts(now));
}

const sameText = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);
