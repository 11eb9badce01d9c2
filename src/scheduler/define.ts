// definePlugin: the shape of a scheduler plugin. One plugin, one file; plugins/index.ts lists them in their order.
import type { Client } from '../client/client.js';
import type { Lister } from '../kinds/define.js';
import type { Node, Pod, Service } from '../kinds/types/core_v1.js';

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
  /** For spreading the pods of one Service. */
  readonly services: readonly Service[];
  /** For affinity terms that choose namespaces by their labels. */
  namespaceLabels(namespace: string): { readonly [name: string]: string };
  /** Claims, volumes and storage classes. */
  readonly storage: Pick<Lister, 'get' | 'list'>;
}

/** What can happen in the cluster that may let a pod fit which did not before. */
export type ClusterEvent = 'NodeAdd' | 'NodeUpdate' | 'AssignedPodAdd' | 'AssignedPodDelete' | 'StorageChange';

/** undefined: the node fits. Else why not, in upstream's words, each counted by itself (`Insufficient cpu`, `Too many pods`). */
export type FilterResult =
  | { readonly reasons: readonly string[] /** No eviction of pods could ever help. */; readonly unresolvable?: boolean }
  | undefined;

/** What a plugin's writes before the binding go through. */
export interface BindContext {
  readonly client: Client;
  readonly snapshot: Snapshot;
  /** Resolves once `storage` shows that `condition` holds; rejects where it throws, where it takes too long, and when the scheduler stops. */
  until(condition: (storage: Snapshot['storage']) => boolean): Promise<void>;
}

export interface SchedulerPlugin {
  /** Upstream's name: `NodeResourcesFit`. */
  readonly name: string;
  /** Why the pod fits no node at all, whatever they are like; undefined: go on. */
  preFilter?(pod: Pod, snapshot: Snapshot): string | undefined;
  filter?(pod: Pod, node: NodeInfo, snapshot: Snapshot): FilterResult;
  /** Which events may turn this plugin's no into a yes; absent: those of nodes. */
  readonly helpedBy?: readonly ClusterEvent[];
  /** How good the node is; any scale, brought to 0..100 by `normalize`. */
  score?(pod: Pod, node: NodeInfo, snapshot: Snapshot): number;
  /** Brings all nodes' scores to 0..100, where 100 is best; absent: they are already. */
  normalize?(scores: ReadonlyMap<string, number>): ReadonlyMap<string, number>;
  /** Weight of the score; 1 if absent. */
  readonly weight?: number;
  /** What must be so before the pod is bound to the node; undefined where that is nothing. The pod is tried again where it rejects. */
  preBind?(pod: Pod, node: NodeInfo, context: BindContext): Promise<void> | undefined;
}

export const definePlugin = (plugin: SchedulerPlugin): SchedulerPlugin => plugin;

/** A cycle's whole reasoning, returned and not logged: which node, and what each plugin said of each node. */
export interface Decision {
  readonly node: string | undefined;
  /** node -> which plugin filtered it out, and why. */
  readonly filtered: ReadonlyMap<string, { readonly plugin: string; readonly reasons: readonly string[] }>;
  /** node -> plugin -> normalised score times weight. */
  readonly scores: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). ...`; empty where a node was found. */
  readonly message: string;
}
