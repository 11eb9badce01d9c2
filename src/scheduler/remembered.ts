// What was found out of nodes, remembered: it holds for every pod that asks for the same, for as long as the node is as it was.
import type { Pod } from '../kinds/types/core_v1.js';
import type { Filters, NodeInfo, Profile, Refusal, SchedulerPlugin } from './define.js';

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

export interface Refused {
  readonly plugin: SchedulerPlugin;
  readonly refusal: Refusal;
}

/** The filters' answers to one question, by the node's place in the snapshot. */
export class Answers {
  readonly #nodes: NodeInfo[] = [];
  readonly #nominated: Nominated[] = [];
  readonly #answers: (Refused | undefined)[] = [];
  /** Those that say the same are one object, so that they are quickly counted. */
  readonly #alike = new Map<string, Refused>();

  /** Whether the node at that place is known as it is. */
  knows(at: number, node: NodeInfo, nominated: Nominated): boolean {
    return this.#nodes[at] === node && this.#nominated[at] === nominated;
  }

  /** undefined: it fits. */
  answer(at: number): Refused | undefined {
    return this.#answers[at];
  }

  remember(at: number, node: NodeInfo, nominated: Nominated, answer: Refused | undefined): Refused | undefined {
    const one = answer && this.#alikeTo(answer);
    this.#nodes[at] = node;
    this.#nominated[at] = nominated;
    this.#answers[at] = one;
    return one;
  }

  #alikeTo(answer: Refused): Refused {
    const { plugin, refusal } = answer;
    const key = `${plugin.name} ${refusal.unresolvable === true} ${refusal.reasons.join()}`;
    const known = this.#alike.get(key);
    if (!known) this.#alike.set(key, answer);
    return known ?? answer;
  }
}

const byProfile = new WeakMap<Profile, Questions<Answers>>();

/** undefined: nothing can be remembered. */
export function answersTo(filters: Filters, profile: Profile): Answers | undefined {
  const question = questionOf(filters);
  if (question === undefined) return undefined;
  let questions = byProfile.get(profile);
  if (!questions) byProfile.set(profile, (questions = new Questions(() => new Answers())));
  return questions.of(question);
}
