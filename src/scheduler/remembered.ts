// What was found out of nodes, remembered: it holds for every pod that asks for the same, for as long as the node is as it was.
import type { Pod } from '../kinds/types/core_v1.js';
import { ChangeReader } from './change-log.js';
import type { Filters, NodeInfo, Profile, Refusal, SchedulerPlugin, Snapshot } from './define.js';
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

/** The node on which the pod itself is to get room, which counts as taken for all others: nothing that it is told of it is to be remembered. */
export function ownNode({ pod, snapshot: { order, nominated } }: Filters): number {
  const name = nominated.nodeOf(pod);
  return (name === undefined ? undefined : order.get(name)) ?? NOWHERE;
}

/** No index in `Snapshot.nodes`. */
export const NOWHERE = -1;

/** Nodes as they were last seen, and who was to get room on them. */
export class SeenNodes {
  readonly #changes = new ChangeReader();
  #nodes: NodeInfo[] = [];
  #nominated: (readonly Pod[] | undefined)[] = [];

  /** Tells of each that is another now; `beside`: only that others are to get room there. An index is that of `Snapshot.nodes`. */
  update({ nodes, nominated, changes }: Snapshot, changed: (at: number, beside: boolean) => void): void {
    const look = (at: number) => {
      const [node, others] = [nodes[at]!, nominated.on(nodes[at]!.name)];
      const isSame = this.#nodes[at] === node;
      if (isSame && this.#nominated[at] === others) return;
      this.#nodes[at] = node;
      this.#nominated[at] = others;
      changed(at, isSame);
    };
    const all = this.#nodes.length !== nodes.length;
    if (all) [this.#nodes, this.#nominated] = [new Array(nodes.length), new Array(nodes.length)];
    const some = this.#changes.read(changes);
    if (some && !all) for (const at of some) look(at);
    else for (let at = 0; at < nodes.length; at++) look(at);
  }
}

/** What was said of each node, to one kind of pods; an index is that of `Snapshot.nodes`. */
export class NodeMemo {
  readonly #seen = new SeenNodes();
  #verdicts: (Verdict | undefined)[] = [];
  /** 1 where the verdict is known. */
  #asked = new Uint8Array(0);
  /** Where it is known to be a no: 1, and the no in columns, for cycles that find no other. */
  #isRefused = new Uint8Array(0);
  #refusedBy: SchedulerPlugin[] = [];
  #refusals: Refusal[] = [];
  /** How many nodes fit, as far as is known. */
  open = 0;
  readonly #scores = new Map<SchedulerPlugin, Float64Array>();
  /** Verdicts that say the same are one object, so that they are quickly counted. */
  readonly #alike = new Map<string, Verdict>();

  /** Forgets what may have changed. */
  update(snapshot: Snapshot): this {
    const { length } = snapshot.nodes;
    if (this.#verdicts.length !== length) {
      this.#verdicts = new Array(length).fill(undefined);
      this.#asked = new Uint8Array(length);
      this.#isRefused = new Uint8Array(length);
      this.#refusedBy = new Array(length);
      this.#refusals = new Array(length);
      this.open = length;
      this.#scores.clear();
    }
    this.#seen.update(snapshot, (at, beside) => {
      this.open += this.#isRefused[at]!;
      this.#isRefused[at] = 0;
      this.#asked[at] = 0;
      // Who is to get room there changes no score.
      if (!beside) for (const scores of this.#scores.values()) scores[at] = Number.NaN;
    });
    return this;
  }

  /** undefined: it fits. */
  verdict(at: number, node: NodeInfo, ask: (node: NodeInfo) => Verdict | undefined): Verdict | undefined {
    if (this.#asked[at] === 0) {
      const verdict = ask(node);
      this.#asked[at] = 1;
      this.#verdicts[at] = verdict && this.#alikeTo(verdict);
      if (verdict) this.#close(at, this.#verdicts[at]!);
    }
    return this.#verdicts[at];
  }

  /** The first from `from` on that may fit. */
  nextOpen(from: number): number {
    return this.#isRefused.indexOf(0, from);
  }

  /** Of all nodes; without those that are open. */
  refusals(): { readonly refusedBy: SchedulerPlugin[]; readonly refusals: Refusal[] } {
    return { refusedBy: this.#refusedBy.slice(), refusals: this.#refusals.slice() };
  }

  /** NaN where it is not known. */
  scores(plugin: SchedulerPlugin): Float64Array {
    let scores = this.#scores.get(plugin);
    if (!scores) this.#scores.set(plugin, (scores = new Float64Array(this.#verdicts.length).fill(Number.NaN)));
    return scores;
  }

  #close(at: number, { plugin, refusal }: Verdict): void {
    this.#isRefused[at] = 1;
    this.#refusedBy[at] = plugin;
    this.#refusals[at] = refusal;
    this.open--;
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
export function memoFor(pod: Pod, profile: Profile): NodeMemo {
  let questions = byProfile.get(profile);
  if (!questions) byProfile.set(profile, (questions = new Questions(() => new NodeMemo())));
  const signatures = profile.plugins.map((plugin) => plugin.signature?.(pod) ?? '');
  return questions.of([pod.spec.priority ?? 0, ...signatures].join('\n'));
}

/** The profile's first filters, up to one that goes by more than the node and its signature of the pod; and all others. */
export function splitFilters(filters: Filters, { filter }: Profile): { readonly known: Filters; readonly rest: Filters } {
  const end = filter.findIndex(({ signature }) => !signature);
  const first = new Set(end === -1 ? filter : filter.slice(0, end));
  const { plugins, states, evaluations } = filters;
  const from = plugins.filter((plugin) => first.has(plugin)).length;
  return {
    known: { ...filters, plugins: plugins.slice(0, from), states: states.slice(0, from), evaluations: evaluations.slice(0, from) },
    rest: { ...filters, plugins: plugins.slice(from), states: states.slice(from), evaluations: evaluations.slice(from) },
  };
}
