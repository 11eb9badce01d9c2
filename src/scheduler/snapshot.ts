// The scheduler's cache: nodes with the pods that are on them or assumed to be, from which each cycle's snapshot is taken.
import { objectKey } from '../apimachinery/object.js';
import type { Node, Pod } from '../kinds/types/core_v1.js';
import type { NodeInfo, Snapshot } from './define.js';
import { nodeInfo, nodesOf } from './resources.js';

type Nodes = ReturnType<typeof nodesOf>;

interface Entry {
  /** Absent while pods are known of a node that is not, or no longer, there. */
  node: Node | undefined;
  readonly pods: Map<string, Pod>;
}

export class SchedulerCache {
  readonly #entries = new Map<string, Entry>();
  readonly #infos = new Map<string, NodeInfo>();
  readonly #stale = new Set<string>();
  #nodes: Nodes = nodesOf([]);
  /** Pod key -> the node it counts on. */
  readonly #places = new Map<string, string>();
  /** Pod key -> uid of pods that the API has not confirmed on their node yet. */
  readonly #assumed = new Map<string, string>();

  setNode(node: Node): void {
    const { name } = node.metadata;
    this.#entry(name).node = node;
    this.#stale.add(name);
  }

  removeNode(name: string): void {
    this.#entry(name).node = undefined;
    this.#dropIfEmpty(name);
    this.#stale.add(name);
  }

  /** A pod as the API has it, with its node: confirms, or corrects, what was assumed. */
  setPod(pod: Pod): void {
    this.removePod(objectKey(pod));
    this.#place(pod, pod.spec.nodeName!);
  }

  /** Counts `pod` on `node` from now on, before the API knows. */
  assume(pod: Pod, node: string): void {
    this.removePod(objectKey(pod));
    this.#place(pod, node);
    this.#assumed.set(objectKey(pod), pod.metadata.uid);
  }

  /** Takes an assumption back; nothing happens where the API has confirmed it meanwhile, or the key is another pod's. */
  forget(pod: Pod): void {
    const key = objectKey(pod);
    if (this.#assumed.get(key) === pod.metadata.uid) this.removePod(key);
  }

  removePod(key: string): void {
    const name = this.#places.get(key);
    if (name === undefined) return;
    this.#places.delete(key);
    this.#assumed.delete(key);
    this.#entries.get(name)?.pods.delete(key);
    this.#dropIfEmpty(name);
    this.#stale.add(name);
  }

  isAssumed(key: string): boolean {
    return this.#assumed.has(key);
  }

  /** Good until the cache is next changed. Only nodes that changed since the last one are counted anew. */
  snapshot(others: Omit<Snapshot, keyof Nodes>): Snapshot {
    const changed = this.#stale.size > 0;
    for (const name of this.#stale) {
      const entry = this.#entries.get(name);
      if (entry?.node) this.#infos.set(name, nodeInfo(entry.node, [...entry.pods.values()]));
      else this.#infos.delete(name);
    }
    this.#stale.clear();
    if (changed) this.#nodes = nodesOf([...this.#infos.values()]);
    return { ...this.#nodes, ...others };
  }

  #place(pod: Pod, name: string): void {
    const key = objectKey(pod);
    this.#places.set(key, name);
    this.#entry(name).pods.set(key, pod);
    this.#stale.add(name);
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name);
    if (!entry) this.#entries.set(name, (entry = { node: undefined, pods: new Map() }));
    return entry;
  }

  #dropIfEmpty(name: string): void {
    const entry = this.#entries.get(name);
    if (entry && !entry.node && entry.pods.size === 0) this.#entries.delete(name);
  }
}
