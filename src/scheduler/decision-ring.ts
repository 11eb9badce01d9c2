// Where lies what decisions say node by node: arrays that are written round and round, so that no cycle leaves anything behind for the
// collector of garbage to carry. A decision stays for as long as not as much again has been written as there is room for.
import type { PreemptionCandidate } from '../client/pod-decisions.js';
import type { Candidate, Decision } from './define.js';
import { priorityOf } from './plugins/preemption-victims.js';

/** Scores, above all: 4 MiB hold those of some 170 decisions in clusters of thousands of nodes, of thousands in small ones. */
const NUMBERS_MAX = 512 * 1024;
/** Names of nodes, above all, anew where one came or went: 2 MiB hold those of 5,000 nodes some 50 times. */
const TEXTS_MAX = 256 * 1024;
/** Nodes that pods could be preempted on, and such pods: those of some 160 decisions where three pods of each of a hundred nodes would have to go. */
const CANDIDATES_MAX = 64 * 1024;

/** Of a run: its first node, how many, and what they were told. */
const RUN_NUMBERS = 3;
/** What nodes that fit were told. */
export const FITS = -1;

/** Where a decision was written, and how much of what. */
export interface Written {
  readonly number: number;
  /** The names of all nodes in their order, which may have been written for a decision before. */
  readonly order: number;
  readonly runs: number;
  /** How many numbers they are. */
  readonly scores: number;
  /** Where the nodes are that preemption could help on, and how many. */
  readonly candidate: number;
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
  /** After each are as many places left free as it has victims. */
  readonly #candidates: (PreemptionCandidate | undefined)[] = [];
  readonly #numberRounds: Rounds;
  readonly #textRounds: Rounds;
  readonly #candidateRounds: Rounds;
  /** The last that was written, and where. */
  #order: { readonly of: Decision['order'] | undefined; readonly text: number } = { of: undefined, text: 0 };

  constructor(numbersMax = NUMBERS_MAX, textsMax = TEXTS_MAX, candidatesMax = CANDIDATES_MAX) {
    this.#numbers = new Float64Array(numbersMax);
    this.#numberRounds = new Rounds(numbersMax);
    this.#textRounds = new Rounds(textsMax);
    this.#candidateRounds = new Rounds(candidatesMax);
  }

  /** Just large enough for that one. */
  static for(decision: Decision, candidates: readonly Candidate[]): DecisionRing {
    return new DecisionRing(numbersIn(decision), decision.order.size, placesFor(candidates));
  }

  /** `told`: of each run a number. undefined: there could never be so much room. */
  write(decision: Decision, told: readonly number[], candidates: readonly Candidate[]): Written | undefined {
    const { runs, order, numbers } = decision;
    const room = { numbers: numbersIn(decision), candidates: placesFor(candidates) };
    if (room.numbers > this.#numberRounds.size || order.size > this.#textRounds.size) return undefined;
    if (room.candidates > this.#candidateRounds.size) return undefined;
    const number = this.#numberRounds.take(room.numbers);
    let at = this.#numberRounds.index(number);
    for (let i = 0; i < runs.length; i++) {
      this.#numbers[at++] = runs[i]!.first;
      this.#numbers[at++] = runs[i]!.count;
      this.#numbers[at++] = told[i]!;
    }
    this.#numbers.set(numbers, at);
    const candidate = this.#writeCandidates(candidates, room.candidates);
    const counts = { runs: runs.length, scores: numbers.length, candidates: candidates.length };
    return { number, order: this.#writeOrder(order), candidate, ...counts };
  }

  /** undefined: it has been written over. */
  read(written: Written): Whole | undefined {
    const isHeld = this.#textRounds.holds(written.order) && this.#candidateRounds.holds(written.candidate);
    if (!isHeld || !this.#numberRounds.holds(written.number)) return undefined;
    let at = this.#numberRounds.index(written.number);
    const numbers = (count: number) => this.#numbers.subarray(at, (at += count));
    const { nodes, refused, verdicts } = this.#readRuns(numbers(RUN_NUMBERS * written.runs), this.#textRounds.index(written.order));
    return {
      scores: { nodes, numbers: numbers(written.scores) },
      refused,
      verdicts,
      candidates: this.#readCandidates(written),
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

  #writeCandidates(candidates: readonly Candidate[], places: number): number {
    const candidate = this.#candidateRounds.take(places);
    let at = this.#candidateRounds.index(candidate);
    // What was there before is not to be held on to.
    this.#candidates.fill(undefined, at, at + places);
    for (const each of candidates) {
      this.#candidates[at] = candidateOf(each);
      at += placesOf(each);
    }
    return candidate;
  }

  #readCandidates({ candidate, candidates }: Written): readonly PreemptionCandidate[] {
    let at = this.#candidateRounds.index(candidate);
    return Array.from({ length: candidates }, () => {
      const read = this.#candidates[at]!;
      at += 1 + read.victims.length;
      return read;
    });
  }
}

const numbersIn = ({ runs, numbers }: Decision): number => RUN_NUMBERS * runs.length + numbers.length;

const placesOf = ({ victims }: Candidate): number => 1 + victims.pods.length;
const placesFor = (candidates: readonly Candidate[]): number => candidates.reduce((sum, each) => sum + placesOf(each), 0);

/** Names and numbers only. A candidate that is remembered comes again with the next pod. */
const known = new WeakMap<Candidate, PreemptionCandidate>();

export function candidateOf(candidate: Candidate): PreemptionCandidate {
  let names = known.get(candidate);
  if (!names) known.set(candidate, (names = namesOf(candidate)));
  return names;
}

const namesOf = ({ node, victims: { pods, violations } }: Candidate): PreemptionCandidate => ({
  node,
  victims: pods.map((pod) => {
    const { namespace = '', name, uid } = pod.metadata;
    return { namespace, name, uid, priority: priorityOf(pod) };
  }),
  pdbViolations: violations,
});

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
