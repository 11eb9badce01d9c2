// Where lies what decisions say node by node: two arrays that are written round and round, so that no cycle leaves anything behind for the
// collector of garbage to carry. A decision stays for as long as not as much again has been written as there is room for.
import type { PreemptionCandidate } from '../client/pod-decisions.js';
import type { Candidate, Decision, NodeInfo } from './define.js';
import { priorityOf } from './plugins/preemption-victims.js';

/** Scores, above all: 4 MiB hold those of some 80 decisions in clusters of thousands of nodes, of thousands in small ones. */
const NUMBERS_MAX = 512 * 1024;
/** Names of nodes, above all: 2 MiB hold those of some 50 pods that none of 5,000 nodes could take. */
const TEXTS_MAX = 256 * 1024;

/** Where a decision was written, and how much of what. */
export interface Written {
  readonly number: number;
  readonly text: number;
  /** Of the names of nodes that were refused, which may be those of a decision before. */
  readonly refusedText: number;
  readonly columns: number;
  readonly feasible: number;
  readonly refused: number;
  /** How many numbers its verdicts take. */
  readonly verdicts: number;
  readonly candidates: number;
}

export interface Whole {
  readonly scores: Scores;
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
  /** Whom the last decision that refused any refused, and where their names are. */
  #refused: { readonly nodes: readonly NodeInfo[]; readonly text: number } = { nodes: [], text: 0 };

  constructor(numbersMax = NUMBERS_MAX, textsMax = TEXTS_MAX) {
    this.#numbers = new Float64Array(numbersMax);
    this.#numberRounds = new Rounds(numbersMax);
    this.#textRounds = new Rounds(textsMax);
  }

  /** Just large enough for that one. */
  static for(decision: Decision, verdicts: readonly number[], candidates: readonly Candidate[]): DecisionRing {
    const { numbers, texts } = roomFor(decision, verdicts, candidates);
    return new DecisionRing(numbers, texts);
  }

  /** `verdicts`: which one, and for how many of the next nodes, in turn. undefined: there could never be so much room. */
  write(decision: Decision, verdicts: readonly number[], candidates: readonly Candidate[]): Written | undefined {
    const { feasible, refused, scores } = decision;
    const room = roomFor(decision, verdicts, candidates);
    if (room.numbers > this.#numberRounds.size || room.texts > this.#textRounds.size) return undefined;
    const refusedText = this.#writeRefused(refused);
    const [number, text] = [this.#numberRounds.take(room.numbers), this.#textRounds.take(room.texts - refused.length)];
    const at = { number: this.#numberRounds.index(number), text: this.#textRounds.index(text) };
    this.#writeScores(decision, at);
    this.#numbers.set(verdicts, at.number);
    at.number += verdicts.length;
    this.#writeCandidates(candidates, at);
    const counts = { feasible: feasible.length, refused: refused.length, verdicts: verdicts.length, candidates: candidates.length };
    return { number, text, refusedText, columns: columnsIn(scores), ...counts };
  }

  /** undefined: it has been written over. */
  read(written: Written): Whole | undefined {
    const { refusedText } = written;
    const isHeld = this.#textRounds.holds(written.text) && this.#textRounds.holds(refusedText);
    if (!isHeld || !this.#numberRounds.holds(written.number)) return undefined;
    const refusedAt = this.#textRounds.index(refusedText);
    const at = { number: this.#numberRounds.index(written.number), text: this.#textRounds.index(written.text) };
    const numbers = (count: number) => this.#numbers.subarray(at.number, (at.number += count));
    const texts = (count: number) => this.#texts.slice(at.text, (at.text += count));
    const { columns, feasible, refused, verdicts, candidates } = written;
    return {
      scores: { nodes: texts(feasible), numbers: numbers(columns * feasible) },
      refused: this.#texts.slice(refusedAt, refusedAt + refused),
      verdicts: nodeByNode(numbers(verdicts)),
      candidates: Array.from({ length: candidates }, () => readCandidate(numbers, texts)),
    };
  }

  #writeScores({ scores, feasible }: Decision, at: At): void {
    for (let i = 0; i < scores.length; i++) {
      const { plugin, raw, normalized } = scores[i]!;
      this.#numbers.set(raw, at.number);
      at.number += raw.length;
      if (!plugin.normalize) continue;
      this.#numbers.set(normalized, at.number);
      at.number += raw.length;
    }
    for (let i = 0; i < feasible.length; i++) this.#texts[at.text++] = feasible[i]!.name;
  }

  /** Pods that fit nowhere are mostly refused by the same nodes, one after the other. */
  #writeRefused(nodes: readonly NodeInfo[]): number {
    const last = this.#refused;
    if (nodes.length > 0 && this.#textRounds.holds(last.text) && sameNames(nodes, last.nodes)) return last.text;
    const text = this.#textRounds.take(nodes.length);
    const from = this.#textRounds.index(text);
    for (let i = 0; i < nodes.length; i++) this.#texts[from + i] = nodes[i]!.name;
    if (nodes.length > 0) this.#refused = { nodes, text };
    return text;
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

const columnsIn = (scores: Decision['scores']): number => scores.reduce((sum, { plugin }) => sum + (plugin.normalize ? 2 : 1), 0);

function nodeByNode(verdicts: ArrayLike<number>): readonly number[] {
  const all: number[] = [];
  for (let i = 0; i < verdicts.length; i += 2) for (let n = 0; n < verdicts[i + 1]!; n++) all.push(verdicts[i]!);
  return all;
}

function sameNames(a: readonly NodeInfo[], b: readonly NodeInfo[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i] && a[i]!.name !== b[i]!.name) return false;
  return true;
}

interface At {
  number: number;
  text: number;
}

function roomFor({ feasible, refused, scores }: Decision, verdicts: readonly number[], candidates: readonly Candidate[]) {
  let victims = 0;
  for (const candidate of candidates) victims += candidate.victims.pods.length;
  return {
    numbers: columnsIn(scores) * feasible.length + verdicts.length + 2 * candidates.length + victims,
    texts: feasible.length + refused.length + candidates.length + 3 * victims,
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
