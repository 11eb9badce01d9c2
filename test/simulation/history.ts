// What was, in a simulation: how large StatefulSets were to be, and when nodes last had a taint by which pods go.
import { controllerOf, isBeingDeleted, type KubeObject } from '../../src/apimachinery/object.js';
import type { Informers } from '../../src/client/informer.js';
import { statefulSets } from '../../src/kinds/apps/statefulset.js';
import { nodes } from '../../src/kinds/core/node.js';
import { pods } from '../../src/kinds/core/pod.js';
import type { Node } from '../../src/kinds/types/core_v1.js';
import type { SimulatedClock } from './clock.js';

/** The claims of a set's pods, as users name the only template. */
const CLAIM = /^data-(.*)-(\d+)$/;

export class History {
  /** By the name of a StatefulSet: how many replicas it was to have, and since when; none while it was not there. */
  readonly #sizes = new Map<string, { readonly since_ms: number; readonly replicas: number }[]>();
  /** Of each node, Infinity while it has one. */
  readonly #tainted = new Map<string, number>();
  /** Of all nodes that there ever were: pods of one that was removed go a while later. */
  readonly #names = new Set<string>();

  constructor(
    informers: Informers,
    private readonly clock: SimulatedClock,
  ) {
    informers.of(statefulSets).onChange(({ key, new: set }) => {
      const replicas = set && !isBeingDeleted(set) ? (set.spec.replicas ?? 1) : 0;
      const sizes = this.#sizes.get(key) ?? [];
      if (sizes.at(-1)?.replicas !== replicas) this.#sizes.set(key, [...sizes, { since_ms: clock.now(), replicas }]);
    });
    informers.of(nodes).onChange(({ old, new: node }) => {
      const { name } = (node ?? old!).metadata;
      if (!node || isTainted(node)) this.#tainted.set(name, Number.POSITIVE_INFINITY);
      else if (old && isTainted(old)) this.#tainted.set(name, clock.now());
      this.#names.add(name);
    });
  }

  get nodes(): number {
    return this.#names.size;
  }

  /** Of a set's claim that goes with its pod: the set was never smaller while the claim was there. */
  wasAlwaysWanted({ metadata, ...claim }: KubeObject): boolean {
    const [, name, ordinal] = CLAIM.exec(metadata.name) ?? [];
    if (name === undefined || controllerOf({ metadata, ...claim })?.kind !== pods.kind) return false;
    const sizes = this.#sizes.get(`${metadata.namespace}/${name}`) ?? [];
    const made_ms = Date.parse(metadata.creationTimestamp!);
    const since = sizes.findLastIndex(({ since_ms }) => since_ms <= made_ms);
    return sizes.length > 0 && sizes.slice(Math.max(0, since)).every(({ replicas }) => Number(ordinal) < replicas);
  }

  /** It has no taint by which pods go, and had none for so long. */
  wasUntainted(node: string, for_ms: number): boolean {
    const last_ms = this.#tainted.get(node) ?? Number.NEGATIVE_INFINITY;
    return this.clock.now() - last_ms > for_ms;
  }
}

const isTainted = ({ spec }: Node): boolean => spec.taints?.some(({ effect }) => effect === 'NoExecute') ?? false;
