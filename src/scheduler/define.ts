// The scheduling framework's contract: what a plugin can be asked, what it sees, and what a cycle answers. One plugin, one file.
import type { Clock, Random } from '../apimachinery/clock.js';
import type { KubeObject } from '../apimachinery/object.js';
import type { Client } from '../client/client.js';
import type { EventRecorder } from '../client/events.js';
import type { Lister } from '../kinds/define.js';
import type { Node, Pod, Service } from '../kinds/types/core_v1.js';
import type { PodDisruptionBudget } from '../kinds/types/policy_v1.js';
import type { VolumeAttachment } from '../kinds/types/storage_v1.js';
import type { ChangeLog } from './change-log.js';
import type { Reader } from './config-fields.js';
import type { CycleMeter, Evaluations } from './meter.js';

/** A node with what is on it (and is assumed to be). One object for each state of the node, so what is computed of it can be remembered for it. */
export interface NodeInfo {
  readonly name: string;
  readonly node: Node;
  readonly pods: readonly Pod[];
  /** cpu in millicores, memory and ephemeral-storage in bytes, pods and extended resources in pieces. */
  readonly allocatable: ReadonlyMap<string, number>;
  readonly requested: ReadonlyMap<string, number>;
  /** What is requested, with upstream's stand-ins for containers that request nothing: for scores only. */
  readonly scored: { readonly cpu: number; readonly memory: number };
  /** `TCP/0.0.0.0/80` of each host port in use. */
  readonly hostPorts: ReadonlySet<string>;
  /** Pods with any pod affinity or anti-affinity, and those whose anti-affinity is required. */
  readonly podsWithAffinity: readonly Pod[];
  readonly podsWithRequiredAntiAffinity: readonly Pod[];
  /** Of its pods; infinite where there is none. */
  readonly lowestPriority: number;
}

/** Everything that a cycle looks at; it does not change while the cycle runs. */
export interface Snapshot {
  /** In upstream's order: zones in turn. */
  readonly nodes: readonly NodeInfo[];
  readonly byName: ReadonlyMap<string, NodeInfo>;
  /** Of each node its index in `nodes`, the first first; one object for as long as no node comes, goes or has another place. */
  readonly order: ReadonlyMap<string, number>;
  /** Only the nodes that hold such pods, so that clusters without any pay nothing. */
  readonly withAffinity: readonly NodeInfo[];
  readonly withRequiredAntiAffinity: readonly NodeInfo[];
  readonly nominated: Nominations;
  /** Of nodes, and of who is nominated there, from snapshot to snapshot; absent: any node may have changed. */
  readonly changes?: ChangeLog;
  /** For spreading the pods of one Service. */
  readonly services: readonly Service[];
  /** For affinity terms that choose namespaces by their labels. */
  namespaceLabels(namespace: string): { readonly [name: string]: string };
  readonly storage: Storage;
}

/** Claims, volumes, storage classes and what each node's CSI drivers can do. */
export interface Storage extends Pick<Lister, 'get' | 'list'> {
  /** Volumes that are attached to the node, on their way there or not yet off it. */
  attachedTo(node: string): readonly VolumeAttachment[];
}

/** Pods for which preemption made room on a node and that are not bound yet. */
export interface Nominations {
  /** The same array for as long as they are the same; undefined: nobody. */
  on(node: string): readonly Pod[] | undefined;
  nodeOf(pod: Pod): string | undefined;
  /** Whether any of them must not be near certain others. */
  readonly repel: boolean;
}

/** What can happen in the cluster that may let a pod fit which did not before. */
export type ClusterEvent =
  | 'NodeAdd'
  | 'NodeUpdate'
  | 'NodeDelete'
  | 'AssignedPodAdd'
  | 'AssignedPodUpdate'
  | 'AssignedPodDelete'
  | 'NamespaceUpdate'
  | 'StorageChange'
  | 'VolumeAttachmentDelete';

/** An event that may turn a plugin's no into a yes. */
export interface ClusterEventHint {
  readonly event: ClusterEvent;
  /** Looks closer: whether what changed from `old` to `now` can help `pod`; absent: it can. */
  hint?(pod: Pod, old: KubeObject | undefined, now: KubeObject | undefined): 'queue' | 'skip';
}

/** Why a node does not do, in upstream's words, each counted by itself (`Insufficient cpu`, `Too many pods`). */
export interface Refusal {
  readonly reasons: readonly string[];
  /** No eviction of pods could ever help. */
  readonly unresolvable?: boolean;
}

/** undefined: the node fits. */
export type FilterResult = Refusal | undefined;

export type PreFilterResult<State> =
  | {
      /** Handed to `filter`. */
      readonly state?: State;
      /** Only these can fit; absent: any. */
      readonly nodes?: ReadonlySet<string>;
      /** The pod is none of the plugin's business: `filter` is not asked in this cycle. */
      readonly skip?: true;
    }
  /** It fits no node, whatever they are like. */
  | { readonly refused: string; readonly unresolvable: boolean };

/** Effects of a plugin go through this. */
export interface PluginContext {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventRecorder;
  readonly snapshot: Snapshot;
  budgets(): readonly PodDisruptionBudget[];
  /** Resolves once `storage` shows that `condition` holds; rejects where it throws, where it takes longer, and when the scheduler stops. */
  until(condition: (storage: Snapshot['storage']) => boolean, timeout_ms: number): Promise<void>;
}

/** Pods that would have to go for another. */
export interface Victims {
  /** The most important first. */
  readonly pods: readonly Pod[];
  /** How many of them their disruption budgets would not let go. */
  readonly violations: number;
}

/** A node on which preemption could make room. */
export interface Candidate {
  readonly node: string;
  readonly victims: Victims;
}

/** What can be done for a pod that no node can take as things are. */
export interface PostFilterResult {
  /** Where room is made for it; empty: nowhere, whatever it was promised before. Absent: that stays as it is. */
  readonly nominatedNode?: string;
  /** Goes behind the cycle's own message. */
  readonly message: string;
  /** Does it. Nothing has been done until then. */
  carryOut?: (() => Promise<void>) | undefined;
  readonly preemption?: {
    readonly candidates: readonly Candidate[];
    readonly chosen?: Candidate;
    /** What decided between them, or why there are none. */
    readonly message: string;
  };
}

/** A pod in the active queue. */
export interface QueueItem {
  readonly pod: Pod;
  /** Order in which pods came. */
  readonly turn: number;
}

/** A plugin as a profile has it: its arguments are read. What it says is upstream's, extension point by extension point. */
export interface SchedulerPlugin<State = unknown, ScoreState = unknown> {
  /** Upstream's name: `NodeResourcesFit`. */
  readonly name: string;
  /** Queue sort: whether `a` is to be tried before `b`. */
  less?(a: QueueItem, b: QueueItem): boolean;
  /** Why the pod is not to be tried yet. */
  preEnqueue?(pod: Pod): string | undefined;
  /** Which events may turn this plugin's no into a yes; absent: any. */
  readonly events?: readonly ClusterEventHint[];
  preFilter?(pod: Pod, snapshot: Snapshot): PreFilterResult<State>;
  filter?(pod: Pod, node: NodeInfo, state: State, snapshot: Snapshot): FilterResult;
  /**
   * All of the pod that `filter` and `score` go by, where besides the node they go by nothing else: what they said of a node then holds for
   * every pod of the same signature. Absent: they may go by more.
   */
  signature?(pod: Pod): string;
  /** The state as if `other` were on `node`, or gone from it; `state` stays as it is. Absent: `filter` goes by the NodeInfo only. */
  withPod?(state: State, other: Pod, node: NodeInfo, snapshot: Snapshot): State;
  withoutPod?(state: State, other: Pod, node: NodeInfo, snapshot: Snapshot): State;
  /** No node fits: what could be done. undefined: nothing by this plugin. */
  postFilter?(pod: Pod, decision: Decision, context: PluginContext): PostFilterResult | undefined;
  /** 'skip': no node is better than another to this plugin. */
  preScore?(pod: Pod, nodes: readonly NodeInfo[], snapshot: Snapshot): ScoreState | 'skip';
  /** How good the node is; any scale, brought to 0..100 by `normalize`. */
  score?(pod: Pod, node: NodeInfo, state: ScoreState, snapshot: Snapshot): number;
  /** Brings all nodes' scores to 0..100, where 100 is best, in place; absent: they are already. */
  normalize?(scores: Float64Array, nodes: readonly NodeInfo[], state: ScoreState): void;
  /** The node is chosen, in the cycle itself; a throw gives the pod back. `unreserve` undoes it, whatever happened. */
  reserve?(pod: Pod, node: NodeInfo, context: PluginContext): void;
  unreserve?(pod: Pod, node: NodeInfo, context: PluginContext): void;
  /** The pod goes on once this resolves, and is given back where it rejects. */
  permit?(pod: Pod, node: NodeInfo, context: PluginContext): Promise<void> | undefined;
  /** What must be so before the pod is bound to the node; undefined where that is nothing. The pod is tried again where it rejects. */
  preBind?(pod: Pod, node: NodeInfo, context: PluginContext): Promise<void> | undefined;
  /** undefined: not mine to bind, the next plugin is asked. */
  bind?(pod: Pod, node: NodeInfo, context: PluginContext): Promise<void> | undefined;
  postBind?(pod: Pod, node: NodeInfo, context: PluginContext): void;
}

/** A plugin as plugins/index.ts lists it. */
export interface PluginDefinition<Args = unknown, State = unknown, ScoreState = unknown> {
  readonly name: string;
  /** Of its score, where the configuration gives none; 1 if absent. */
  readonly weight?: number;
  /** Reads its `args`; absent: it takes none. */
  readonly args?: Reader<Args>;
  make(args: Args): Omit<SchedulerPlugin<State, ScoreState>, 'name'>;
}

export const definePlugin = <State = undefined, ScoreState = undefined, Args = unknown>(
  plugin: PluginDefinition<Args, State, ScoreState>,
): PluginDefinition => plugin as PluginDefinition;

/** What one `schedulerName` stands for: the plugins of each extension point, in the order in which they are asked. */
export interface Profile {
  readonly schedulerName: string;
  /** Of all nodes, how many per cent have to be found to fit before the search ends; 0: adapts to the size of the cluster. */
  readonly percentageOfNodesToScore: number;
  /** Every plugin that has any part in it. */
  readonly plugins: readonly SchedulerPlugin[];
  readonly queueSort: SchedulerPlugin;
  readonly preEnqueue: readonly SchedulerPlugin[];
  readonly preFilter: readonly SchedulerPlugin[];
  readonly filter: readonly SchedulerPlugin[];
  readonly postFilter: readonly SchedulerPlugin[];
  readonly preScore: readonly SchedulerPlugin[];
  readonly score: readonly { readonly plugin: SchedulerPlugin; readonly weight: number }[];
  readonly reserve: readonly SchedulerPlugin[];
  readonly permit: readonly SchedulerPlugin[];
  readonly preBind: readonly SchedulerPlugin[];
  readonly bind: readonly SchedulerPlugin[];
  readonly postBind: readonly SchedulerPlugin[];
}

/** What is left of a cycle after preFilter: the plugins that still have a say of each node, each with its state, and how often it was asked, at the same index. */
export interface Filters {
  readonly pod: Pod;
  readonly snapshot: Snapshot;
  readonly plugins: readonly SchedulerPlugin[];
  readonly states: readonly unknown[];
  readonly evaluations: readonly Evaluations[];
  readonly meter: CycleMeter | undefined;
}

/** One plugin's scores; the index is that of `Decision.feasible`. */
export interface ScoreColumn {
  readonly plugin: SchedulerPlugin;
  readonly weight: number;
  readonly raw: Float64Array;
  /** Where the plugin does not normalize, the raw ones themselves. */
  readonly normalized: Float64Array;
}

/** Nodes in a row that all fit, or that one plugin refused alike. */
export interface Run {
  /** In `Snapshot.nodes`. */
  readonly first: number;
  /** How many; it never goes past the last node. */
  count: number;
  /** Absent: they fit. */
  readonly refusedBy: SchedulerPlugin | undefined;
  readonly refusal: Refusal | undefined;
}

/** A cycle's whole reasoning, returned and not logged: which node, and what each plugin said of each. References only: text is made where somebody asks. */
export interface Decision {
  readonly pod: Pod;
  readonly profile: Profile;
  readonly node: NodeInfo | undefined;
  /** Of the whole cluster. */
  readonly total: number;
  /** A preFilter that refused them all. */
  readonly refusedAll?: { readonly plugin: SchedulerPlugin; readonly refused: string; readonly unresolvable: boolean } | undefined;
  /** preFilters that left only some nodes to be looked at: those outside are refused by them. */
  readonly restrictedBy?: { readonly plugins: readonly SchedulerPlugin[]; readonly nodes: ReadonlySet<string> } | undefined;
  /** Where the indices of `runs` point to. */
  readonly order: Snapshot['order'];
  /** All nodes that were asked about, as they were gone through: what follows of them is in the same turn. */
  readonly runs: readonly Run[];
  /** Nodes that a filter refused; why at the same index of the next. */
  readonly refused: readonly NodeInfo[];
  readonly refusals: readonly Refusal[];
  /** Nodes that fit, as many as were looked for. */
  readonly feasible: readonly NodeInfo[];
  /** Absent where fewer than two nodes fit: nothing is to be compared. */
  readonly scores: readonly ScoreColumn[];
  /** The same in one piece: each plugin's raw ones and then, where it normalizes, those. */
  readonly numbers: Float64Array;
  /** For each feasible node the weighted sum. */
  readonly totals: Float64Array;
  /** Which of `feasible` is the node. */
  readonly chosen: number;
  /** How many were equally the best; 1: no draw. */
  readonly best: number;
  /** Where the next cycle's search begins. */
  readonly nextStart: number;
  /** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s).`; empty where a node was found. */
  readonly message: string;
  /** A plugin failed (a quantity that cannot be read): the message says which and how; the pod cannot be placed as it is. */
  readonly failed?: true | undefined;
  /** For postFilter, to ask again with pods taken away; of this cycle only, not to be kept. */
  readonly filters?: Filters | undefined;
}
