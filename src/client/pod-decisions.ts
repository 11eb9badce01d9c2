// What a scheduler answers of a pod: where the pod stands with it, and a record of each decision that it made about it.
import type { Pod } from '../kinds/types/core_v1.js';

/** The path below a pod: who may read the pod may read it; who may create pods may POST one that is not there yet. */
export const DECISIONS = 'decisions';

export interface PodDecisions {
  readonly pod: {
    readonly namespace: string;
    readonly name: string;
    readonly uid?: string;
    /** `spec.schedulerName`. */
    readonly scheduler: string;
    readonly node?: string;
  };
  readonly state: PodState;
  /** The state in words: where nothing is known, why, and who would know. */
  readonly message: string;
  /** What it waits for now; empty where it waits for nothing. */
  readonly waitsFor: readonly WaitsFor[];
  /** The newest first. */
  readonly decisions: readonly DecisionRecord[];
}

/** `unknown`: this scheduler has nothing to say of it. `trial`: the pod is not there, and was only asked about. */
export type PodState = 'active' | 'backoff' | 'unschedulable' | 'gated' | 'binding' | 'bound' | 'unknown' | 'trial';

/** The plugin that stands in the way, and the events that may change its mind. */
export interface WaitsFor {
  readonly plugin: string;
  readonly events: readonly string[];
}

export interface DecisionRecord {
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid?: string };
  /** The profile. */
  readonly scheduler: string;
  /** How often the pod has been tried, this time included; 0 for one that was only asked about. */
  readonly attempt: number;
  readonly time: string;
  readonly duration_us: number;
  readonly nodes: { readonly total: number; readonly evaluated: number; readonly feasible: number };
  /** The one that was chosen. */
  readonly node?: string;
  /** How many nodes each plugin refused for each reason, the most first. */
  readonly reasons: readonly ReasonCount[];
  /** Node by node; absent where the record has been thinned. */
  readonly refused?: readonly RefusedNode[];
  /** The best first; only the best few where the record has been thinned. */
  readonly scores: readonly ScoredNode[];
  readonly tieBreak?: TieBreak;
  readonly preemption?: PreemptionRecord;
  readonly nominatedNode?: string;
  readonly waitsFor: readonly WaitsFor[];
  /** Why there is no node, as in the event, or why the pod did not come to be on the one that was chosen; else empty. */
  readonly message: string;
  /** Only a summary is left, since there are many newer ones. */
  readonly thinned: boolean;
}

export interface ReasonCount {
  readonly plugin: string;
  readonly reason: string;
  readonly nodes: number;
}

export interface RefusedNode {
  readonly node: string;
  readonly plugin: string;
  readonly reasons: readonly string[];
  /** No eviction of pods could help. */
  readonly unresolvable: boolean;
}

export interface ScoredNode {
  readonly node: string;
  readonly total: number;
  readonly plugins: readonly PluginScore[];
}

export interface PluginScore {
  readonly plugin: string;
  readonly raw: number;
  readonly normalized: number;
  readonly weight: number;
  readonly weighted: number;
}

export interface TieBreak {
  /** The total that several nodes had. */
  readonly total: number;
  readonly among: readonly string[];
  readonly by: string;
}

export interface PreemptionRecord {
  readonly candidates: readonly PreemptionCandidate[];
  /** The candidate whose pods have to go. */
  readonly chosen?: string;
  /** Why the others were not it, or why there is none. */
  readonly message: string;
}

export interface PreemptionCandidate {
  readonly node: string;
  readonly victims: readonly { readonly namespace: string; readonly name: string; readonly uid?: string; readonly priority: number }[];
  /** Of the victims, those whose disruption budgets do not allow it. */
  readonly pdbViolations: number;
}

/** A scheduler of this process, for whoever answers for it. */
export interface PodDecider {
  /** All that it knows of a pod as it is now. */
  decisionsOf(pod: Pod): PodDecisions;
  /** What would become of a pod that is not there: a cycle that nothing comes of. */
  tryOut(pod: Pod): Promise<PodDecisions>;
}
