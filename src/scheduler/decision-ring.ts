// Where lies what decisions say node by node: two arrays that are written round and round, so that no cycle leaves anything behind for the
// collector of garbage to carry. A decision stays for as long as not as much again has been written as there is room for.
import type { PreemptionCandidate } from '../client/pod-decisions.js';
import type { Candidate, Decision } from './define.js';
import { priorityOf } from './plugins/preemption-victims.js';

/** Scores, above all: 4 MiB hold those of some 170 decisions in clusters of thousands of nodes, of thousands in small ones. */
const NUMBERS_MAX = 512 * 1024;
/** Names of nodes, above all, anew where one came or went: 2 MiB hold those of 5,000 nodes some 50 times. */
const TEXTS_MAX = 256 * 1024;

/** Of a run: its first node, how many, and what they were told. */
const RUN_NUMBERS = 3;
/** What nodes that fit were told. */
export const FITS = -1;

/** Where a decision was written, and how much of what. */
export interface Written {
  readonly number: number;
  readonly text: number;
  /** The names of all nodes in their order, which may have been written for a decision before. */
  readonly order: number;
  readonly runs: number;
  /** How many numbers they are. */
  readonly scores: number;
  readonly candidates: number;
}

export interface Whole {
  readonly scores: Scores;
  /** In the turn in which they were asked about, as the nodes that were scored are. */
  readonly refused: readonly string[];
  /** Of each that was refused, which of the decision's verdicts. */
  readonly verdicts: readonly number[];
  readonly candidates: readonly PreemptionCandidate[];
}

/** Nodes that fit and, of each plugin that scored, their raw numbers and then, where it normalizes them, those. */
export interface Scores {
  readonly nodes: readonly string[];
  readonly numbers: ArrayLike<number>;
}

export class DecisionRing {
  /** Takes up memory only as far as it has been written. */
  readonly #numbers: Float64Array;
  readonly #texts: string[] = [];
  readonly #numberRounds: Rounds;
  readonly #textRounds: Rounds;
  /** The last that was written, and where. */
  #order: { readonly of: Decision['order'] | undefined; readonly text: number } = { of: undefined, text: 0 };

  constructor(numbersMax = NUMBERS_MAX, textsMax = TEXTS_MAX) {
    this.#numbers = new Float64Array(numbersMax);
    this.#numberRounds = new Rounds(numbersMax);
    this.#textRounds = new Rounds(textsMax);
  }

  /** Just large enough for that one. */
  static for(decision: Decision, candidates: readonly Candidate[]): DecisionRing {
    const { numbers, texts } = roomFor(decision, candidates);
    return new DecisionRing(numbers, decision.order.size + texts);
  }

  /** `told`: of each run a number. undefined: there could never be so much room. */
  write(decision: Decision, told: readonly number[], candidates: readonly Candidate[]): Written | undefined {
    const { runs, order, numbers } = decision;
    const room = roomFor(decision, candidates);
    if (room.numbers > this.#numberRounds.size || order.size + room.texts > this.#textRounds.size) return undefined;
    const orderText = this.#writeOrder(order);
    const [number, text] = [this.#numberRounds.take(room.numbers), this.#textRounds.take(room.texts)];
    const at = { number: this.#numberRounds.index(number), text: this.#textRounds.index(text) };
    for (let i = 0; i < runs.length; i++) {
      this.#numbers[at.number++] = runs[i]!.first;
      this.#numbers[at.number++] = runs[i]!.count;
      this.#numbers[at.number++] = told[i]!;
    }
    this.#numbers.set(numbers, at.number);
    at.number += numbers.length;
    this.#writeCandidates(candidates, at);
    return { number, text, order: orderText, runs: runs.length, scores: numbers.length, candidates: candidates.length };
  }

  /** undefined: it has been written over. */
  read(written: Written): Whole | undefined {
    const isHeld = this.#textRounds.holds(written.text) && this.#textRounds.holds(written.order);
    if (!isHeld || !this.#numberRounds.holds(written.number)) return undefined;
    const at = { number: this.#numberRounds.index(written.number), text: this.#textRounds.index(written.text) };
    const numbers = (count: number) => this.#numbers.subarray(at.number, (at.number += count));
    const texts = (count: number) => this.#texts.slice(at.text, (at.text += count));
    const { nodes, refused, verdicts } = this.#readRuns(numbers(RUN_NUMBERS * written.runs), this.#textRounds.index(written.order));
    return {
      scores: { nodes, numbers: numbers(written.scores) },
      refused,
      verdicts,
      candidates: Array.from({ length: written.candidates }, () => readCandidate(numbers, texts)),
    };
  }

  /** Nodes come and go seldom: decision after decision they are the same. */
  #writeOrder(order: Decision['order']): number {
    if (this.#order.of === order && this.#textRounds.holds(this.#order.text)) return this.#order.text;
    const text = this.#textRounds.take(order.size);
    let at = this.#textRounds.index(text);
    for (const name of order.keys()) this.#texts[at++] = name;
    this.#order = { of: order, text };
    return text;
  }

  #readRuns(runs: Float64Array, order: number) {
    const [nodes, refused, verdicts]: [string[], string[], number[]] = [[], [], []];
    for (let i = 0; i < runs.length; i += RUN_NUMBERS) {
      const [first, count, told] = [runs[i]!, runs[i + 1]!, runs[i + 2]!];
      for (const name of this.#texts.slice(order + first, order + first + count)) {
        if (told === FITS) nodes.push(name);
        else verdicts[refused.push(name) - 1] = told;
      }
    }
    return { nodes, refused, verdicts };
  }

  #writeCandidates(candidates: readonly Candidate[], at: At): void {
    for (const { node, victims } of candidates) {
      this.#texts[at.text++] = node;
      this.#numbers[at.number++] = victims.violations;
      this.#numbers[at.number++] = victims.pods.length;
      for (const pod of victims.pods) {
        const { namespace = '', name, uid } = pod.metadata;
        this.#numbers[at.number++] = priorityOf(pod);
        for (const text of [namespace, name, uid]) this.#texts[at.text++] = text;
      }
    }
  }
}

interface At {
  number: number;
  text: number;
}

/** Without the names of all nodes. */
function roomFor({ runs, numbers }: Decision, candidates: readonly Candidate[]) {
  let victims = 0;
  for (const candidate of candidates) victims += candidate.victims.pods.length;
  return {
    numbers: RUN_NUMBERS * runs.length + numbers.length + 2 * candidates.length + victims,
    texts: candidates.length + 3 * victims,
  };
}

function readCandidate(numbers: (count: number) => ArrayLike<number>, texts: (count: number) => readonly string[]): PreemptionCandidate {
  const [node] = texts(1);
  const [violations, victims] = Array.from(numbers(2));
  const victim = () => {
    const [namespace, name, uid] = texts(3);
    return { namespace: namespace!, name: name!, uid: uid!, priority: numbers(1)[0]! };
  };
  return { node: node!, victims: Array.from({ length: victims! }, victim), pdbViolations: violations! };
}

/** Positions in an array of that size, which only grow. */
class Rounds {
  #end = 0;

  constructor(readonly size: number) {}

  /** In one piece: the end of a round that is too short for it is passed over. */
  take(count: number): number {
    const left = this.size - this.index(this.#end);
    if (count > left) this.#end += left;
    const position = this.#end;
    this.#end += count;
    return position;
  }

  holds(position: number): boolean {
    return position >= this.#end - this.size;
  }

  index(position: number): number {
    return this.size === 0 ? 0 : position % this.size;
  }
}
