// What was found out of nodes, remembered: it holds for every pod that asks for the same, for as long as the node is as it was.
import type { Pod } from '../kinds/types/core_v1.js';
import type { Filters, NodeInfo, Profile, SchedulerPlugin } from './define.js';
import type { Verdict } from './filters.js';

/** Pods that ask for the same mostly come one after the other; what is kept of a question is as much as there are nodes. */
const QUESTIONS_MAX = 8;

/** What is kept of the last few questions. */
export class Questions<T> {
  readonly #all = new Map<string, T>();

  constructor(private readonly make: () => T) {}

  of(question: string): T {
    const known = this.#all.get(question) ?? this.make();
    // The last asked is the last to be forgotten.
    this.#all.delete(question);
    this.#all.set(question, known);
    if (this.#all.size > QUESTIONS_MAX) this.#all.delete(this.#all.keys().next().value!);
    return known;
  }
}

/** What the filters that are left ask of a node; undefined: one of them goes by more than the node and its signature of the pod. */
export function questionOf({ pod, plugins }: Filters): string | undefined {
  // By their priority, others that are to get room on the node count or do not.
  let question = `${pod.spec.priority ?? 0}\n`;
  for (const { name, signature } of plugins) {
    if (!signature) return undefined;
    question += `${name} ${signature(pod)}\n`;
  }
  return question;
}

/** Others that are to get room on the node, which counts as taken; `false` where the pod is one of them, and nothing is to be remembered. */
export function nominatedBeside({ pod, snapshot: { nominated } }: Filters, node: NodeInfo): Nominated | false {
  if (nominated.size === 0) return undefined;
  const pods = nominated.get(node.name);
  return pods?.some(({ metadata }) => metadata.uid === pod.metadata.uid) ? false : pods;
}

/** The same object for as long as they are the same. */
export type Nominated = readonly Pod[] | undefined;

/** What was said of each node, to one kind of pods; an index is that of `Snapshot.nodes`. */
export class NodeMemo {
  #seen: (NodeInfo | undefined)[] = [];
  #nominated: Nominated[] = [];
  #verdicts: (Verdict | undefined)[] = [];
  readonly #scores = new Map<SchedulerPlugin, number[]>();
  /** Verdicts that say the same are one object, so that they are quickly counted. */
  readonly #alike = new Map<string, Verdict>();

  /** Room for so many nodes; what is remembered stays only where that is no change. */
  roomFor(nodes: number): this {
    if (this.#seen.length === nodes) return this;
    this.#seen = new Array(nodes).fill(undefined);
    this.#nominated = new Array(nodes).fill(undefined);
    this.#verdicts = new Array(nodes).fill(undefined);
    this.#scores.clear();
    return this;
  }

  /** undefined: it fits. */
  verdict(at: number, node: NodeInfo, nominated: Nominated, ask: (node: NodeInfo) => Verdict | undefined): Verdict | undefined {
    const isSame = this.#seen[at] === node;
    if (isSame && this.#nominated[at] === nominated) return this.#verdicts[at];
    const verdict = ask(node);
    // Who is nominated there changes no score.
    if (!isSame) for (const scores of this.#scores.values()) scores[at] = Number.NaN;
    this.#seen[at] = node;
    this.#nominated[at] = nominated;
    this.#verdicts[at] = verdict && this.#alikeTo(verdict);
    return this.#verdicts[at];
  }

  /** Of nodes whose verdict was asked for; NaN where it is not known. */
  scores(plugin: SchedulerPlugin): number[] {
    let scores = this.#scores.get(plugin);
    if (!scores) this.#scores.set(plugin, (scores = new Array(this.#seen.length).fill(Number.NaN)));
    return scores;
  }

  #alikeTo(verdict: Verdict): Verdict {
    const { plugin, refusal } = verdict;
    const key = `${plugin.name} ${refusal.unresolvable === true} ${refusal.reasons.join()}`;
    const known = this.#alike.get(key);
    if (!known) this.#alike.set(key, verdict);
    return known ?? verdict;
  }
}

const byProfile = new WeakMap<Profile, Questions<NodeMemo>>();

/** What was said to those that came before this pod and that the profile's plugins cannot tell from it. */
export function memoFor(pod: Pod, profile: Profile, nodes: number): NodeMemo {
  let questions = byProfile.get(profile);
  if (!questions) byProfile.set(profile, (questions = new Questions(() => new NodeMemo())));
  const signatures = profile.plugins.map((plugin) => plugin.signature?.(pod) ?? '');
  return questions.of([pod.spec.priority ?? 0, ...signatures].join('\n')).roomFor(nodes);
}

/** The profile's first filters, up to one that goes by more than the node and its signature of the pod; and all others. */
export function splitFilters(filters: Filters, { filter }: Profile): { readonly known: Filters; readonly rest: Filters } {
  const end = filter.findIndex(({ signature }) => !signature);
  const first = new Set(end === -1 ? filter : filter.slice(0, end));
  const { plugins, states } = filters;
  const from = plugins.filter((plugin) => first.has(plugin)).length;
  return {
    known: { ...filters, plugins: plugins.slice(0, from), states: states.slice(0, from) },
    rest: { ...filters, plugins: plugins.slice(from), states: states.slice(from) },
  };
}
