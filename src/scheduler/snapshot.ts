// The scheduler's cache: nodes with the pods that are on them or assumed to be. Each change alters what is known of one node; a snapshot costs nothing.
import { objectKey } from '../apimachinery/object.js';
import type { Node, Pod } from '../kinds/types/core_v1.js';
import { ChangeLog } from './change-log.js';
import type { NodeInfo, Snapshot } from './define.js';
import { nodesInTurn, zoneOf } from './node-order.js';
import { nodeInfo, nodeInfoOn, nodeInfoReplacing, nodeInfoWith, nodeInfoWithout, orderOf } from './resources.js';

type Nodes = Pick<Snapshot, 'nodes' | 'byName' | 'order' | 'withAffinity' | 'withRequiredAntiAffinity' | 'changes'>;

/** Where a pod counts: as the cache has it, which may be an object older than the API's newest. */
interface Place {
  readonly pod: Pod;
  readonly node: string;
  /** The API has not confirmed it yet. */
  readonly assumed: boolean;
}

export class SchedulerCache {
  readonly #infos = new Map<string, NodeInfo>();
  readonly #places = new Map<string, Place>();
  /** Node -> pods that are known of a node that is not, or no longer, there. */
  readonly #orphans = new Map<string, Pod[]>();
  #inTurn: NodeInfo[] = [];
  /** Node -> index in `#inTurn`; undefined: nodes have come or gone since it was made. */
  #order: Map<string, number> | undefined;
  readonly #changes = new ChangeLog();
  readonly #withAffinity = new NodeList();
  readonly #withRequiredAntiAffinity = new NodeList();

  setNode(node: Node): void {
    const { name } = node.metadata;
    const known = this.#infos.get(name);
    this.#set(known ? nodeInfoOn(known, node) : nodeInfo(node, this.#orphans.get(name) ?? []));
    this.#orphans.delete(name);
    if (!known || zoneOf(known.node) !== zoneOf(node)) this.#order = undefined;
  }

  removeNode(name: string): void {
    const known = this.#infos.get(name);
    if (!known) return;
    this.#infos.delete(name);
    this.#withAffinity.delete(name);
    this.#withRequiredAntiAffinity.delete(name);
    this.#order = undefined;
    if (known.pods.length > 0) this.#orphans.set(name, [...known.pods]);
  }

  /** A pod as the API has it, with its node: confirms, or corrects, what was assumed. */
  setPod(pod: Pod): void {
    this.#put(pod, pod.spec.nodeName!, false);
  }

  /** Counts `pod` on `node` from now on, before the API knows. */
  assume(pod: Pod, node: string): void {
    this.#put(pod, node, true);
  }

  /** Takes an assumption back; false where the API has confirmed it meanwhile, or the key is another pod's. */
  forget(pod: Pod): boolean {
    const key = objectKey(pod);
    const place = this.#places.get(key);
    if (!place?.assumed || place.pod.metadata.uid !== pod.metadata.uid) return false;
    this.removePod(key);
    return true;
  }

  removePod(key: string): void {
    const place = this.#places.get(key);
    if (!place) return;
    this.#places.delete(key);
    const info = this.#infos.get(place.node);
    const left = this.#orphans.get(place.node)?.filter((other) => other !== place.pod) ?? [];
    if (info) this.#set(nodeInfoWithout(info, place.pod));
    else if (left.length > 0) this.#orphans.set(place.node, left);
    else this.#orphans.delete(place.node);
  }

  /** Something of it has changed that is not kept here. */
  touch(name: string): void {
    const turn = this.#order?.get(name);
    if (turn !== undefined) this.#changes.add(turn);
  }

  isAssumed(key: string): boolean {
    return this.#places.get(key)?.assumed ?? false;
  }

  /** Good until the cache is next changed. */
  nodes(): Nodes {
    if (!this.#order) {
      this.#inTurn = nodesInTurn([...this.#infos.values()]);
      this.#order = orderOf(this.#inTurn);
      this.#changes.reset();
    }
    return {
      nodes: this.#inTurn,
      byName: this.#infos,
      order: this.#order,
      withAffinity: this.#withAffinity.nodes,
      withRequiredAntiAffinity: this.#withRequiredAntiAffinity.nodes,
      changes: this.#changes,
    };
  }

  #put(pod: Pod, node: string, assumed: boolean): void {
    const key = objectKey(pod);
    const before = this.#places.get(key);
    const there = before?.node === node && before.pod.metadata.uid === pod.metadata.uid ? this.#infos.get(node) : undefined;
    const same = there && nodeInfoReplacing(there, before!.pod, pod);
    if (same) {
      this.#places.set(key, { pod, node, assumed });
      this.#set(same);
      return;
    }
    this.removePod(key);
    this.#places.set(key, { pod, node, assumed });
    const info = this.#infos.get(node);
    if (info) this.#set(nodeInfoWith(info, pod));
    else this.#orphans.set(node, [...(this.#orphans.get(node) ?? []), pod]);
  }

  #set(info: NodeInfo): void {
    this.#infos.set(info.name, info);
    const turn = this.#order?.get(info.name);
    if (turn !== undefined) {
      this.#inTurn[turn] = info;
      this.#changes.add(turn);
    }
    this.#withAffinity.put(info, info.podsWithAffinity.length > 0);
    this.#withRequiredAntiAffinity.put(info, info.podsWithRequiredAntiAffinity.length > 0);
  }
}

/** Some of the nodes, in no order. */
class NodeList {
  readonly nodes: NodeInfo[] = [];
  readonly #indexes = new Map<string, number>();

  /** As it is now, or out of the list. */
  put(info: NodeInfo, belongs: boolean): void {
    const at = this.#indexes.get(info.name);
    if (!belongs) this.delete(info.name);
    else if (at !== undefined) this.nodes[at] = info;
    else this.#indexes.set(info.name, this.nodes.push(info) - 1);
  }

  delete(name: string): void {
    const at = this.#indexes.get(name);
    if (at === undefined) return;
    this.#indexes.delete(name);
    const last = this.nodes.pop()!;
    if (at === this.nodes.length) return;
    this.nodes[at] = last;
    this.#indexes.set(last.name, at);
  }
}
