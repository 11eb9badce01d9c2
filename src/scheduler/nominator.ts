// Which node each pod was promised that preemption makes room for: others of less or equal priority are not to take it meanwhile.
import { isBeingDeleted } from '../apimachinery/object.js';
import { isPodTerminal } from '../kinds/core/podutil.js';
import type { Pod } from '../kinds/types/core_v1.js';
import type { Nominations } from './define.js';
import { hasRequiredAntiAffinity } from './resources.js';

/** Good until the next change. */
export class Nominator implements Nominations {
  readonly #nodeOf = new Map<string, string>();
  readonly #byNode = new Map<string, Pod[]>();
  #repelling = 0;

  /** `changed` is told of each node for which it is others than before. */
  constructor(private readonly changed: (node: string) => void = () => {}) {}

  on(node: string): readonly Pod[] | undefined {
    return this.#byNode.size === 0 ? undefined : this.#byNode.get(node);
  }

  nodeOf({ metadata }: Pod): string | undefined {
    return this.#nodeOf.get(metadata.uid);
  }

  get repel(): boolean {
    return this.#repelling > 0;
  }

  /** From now on, before the API tells of it. The empty name takes it back. */
  nominate(pod: Pod, node: string): void {
    this.#remove(pod.metadata.uid);
    if (!node) return;
    this.#nodeOf.set(pod.metadata.uid, node);
    this.#byNode.set(node, [...(this.#byNode.get(node) ?? []), pod]);
    if (hasRequiredAntiAffinity(pod)) this.#repelling++;
    this.changed(node);
  }

  /** As the API has it. One that it does not know to be nominated yet stays so. */
  podChanged(old: Pod | undefined, pod: Pod | undefined): void {
    if (old && old.metadata.uid !== pod?.metadata.uid) this.#remove(old.metadata.uid);
    if (!pod) return;
    const { uid } = pod.metadata;
    const isOut = pod.spec.nodeName || isBeingDeleted(pod) || isPodTerminal(pod);
    const { nominatedNodeName } = pod.status;
    const node = nominatedNodeName || (old?.status.nominatedNodeName ? '' : this.#nodeOf.get(uid));
    this.nominate(pod, isOut ? '' : (node ?? ''));
  }

  #remove(uid: string): void {
    const node = this.#nodeOf.get(uid);
    if (node === undefined) return;
    this.#nodeOf.delete(uid);
    const there = this.#byNode.get(node)!;
    const left = there.filter(({ metadata }) => metadata.uid !== uid);
    if (left.length > 0) this.#byNode.set(node, left);
    else this.#byNode.delete(node);
    this.#repelling -= there.filter(hasRequiredAntiAffinity).length - left.filter(hasRequiredAntiAffinity).length;
    this.changed(node);
  }
}
