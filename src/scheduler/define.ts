// definePlugin: the shape of a scheduler plugin. One plugin, one file; plugins/index.ts lists them in their order.
import type { Node, Pod } from '../kinds/types/core_v1.js';

/** What a node has, and what the pods on it (and those assumed to be) have taken. */
export interface NodeInfo {
  readonly node: Node;
  readonly pods: readonly Pod[];
  /** cpu in millicores, memory and ephemeral-storage in bytes, pods and extended resources in pieces. */
  readonly allocatable: ReadonlyMap<string, number>;
  readonly requested: ReadonlyMap<string, number>;
  /** `TCP/0.0.0.0/80` of each host port in use. */
  readonly hostPorts: ReadonlySet<string>;
}

/** Everything that a cycle looks at; it does not change while the cycle runs. */
export interface Snapshot {
  readonly nodes: ReadonlyMap<string, NodeInfo>;
}

/** undefined: the node fits. Else why not, in upstream's words (`Insufficient cpu`). */
export type FilterResult =
  | { readonly reason: string /** No eviction of pods could ever help. */; readonly unresolvable?: boolean }
  | undefined;

export interface SchedulerPlugin {
  /** Upstream's name: `NodeResourcesFit`. */
  readonly name: string;
  filter?(pod: Pod, node: NodeInfo, snapshot: Snapshot): FilterResult;
  /** How good the node is; any scale, brought to 0..100 by `normalize`. */
  score?(pod: Pod, node: NodeInfo, snapshot: Snapshot): number;
  /** Brings all nodes' scores to 0..100, where 100 is best; absent: they are already. */
  normalize?(scores: ReadonlyMap<string, number>): ReadonlyMap<string, number>;
  /** Weight of the score; 1 if absent. */
  readonly weight?: number;
}

export const definePlugin = (plugin: SchedulerPlugin): SchedulerPlugin => plugin;

/** A cycle's whole reasoning, returned and not logged: which node, and what each plugin said of each node. */
export interface Decision {
  readonly node: string | undefined;
  /** node -> plugin -> why it was filtered out. */
  readonly filtered: ReadonlyMap<string, { readonly plugin: string; readonly reason: string }>;
  /** node -> plugin -> normalised score times weight. */
  readonly scores: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). ...`; empty where a node was found. */
  readonly message: string;
}
