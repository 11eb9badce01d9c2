// What is kept of thousands of decisions, in arrays that live as long as the scheduler: small objects that outlive their cycle would cost the
// collector of garbage more than all the rest of it.
import { type Attempt, bestFew, type KeptDecision, NOTHING_SPECIAL, type Special, scoredIn, specialOf, toldTo } from './decision.js';
import type { DecisionRing, Written } from './decision-ring.js';
import type { Decision, Profile } from './define.js';

/** Of nodes whose scores are kept for as long as the decision is. */
const BEST_FEW = 5;
/** Numbers of the best few: those of every plugin that there is; with plugins besides they are fewer nodes. */
const FEW_NUMBERS = 60;
/** Numbers that every decision has. */
const HEAD_NUMBERS = 14;
const SLOT_NUMBERS = HEAD_NUMBERS + FEW_NUMBERS;
/** Whose it is, its node, and the names of the best few. */
const HEAD_TEXTS = 4;
const UID_TEXT = 2;
const SLOT_TEXTS = HEAD_TEXTS + BEST_FEW;
/** In the place of where a decision was written that was not. */
const UNWRITTEN = -1;

export class DecisionSlots {
  /** Takes up memory only as far as it has been written. */
  readonly #numbers: Float64Array;
  readonly #texts: (string | undefined)[] = [];
  readonly #profiles: Profile[] = [];
  readonly #special: Special[] = [];

  constructor(
    slots: number,
    private readonly ring: DecisionRing,
  ) {
    this.#numbers = new Float64Array(slots * SLOT_NUMBERS);
  }

  write(slot: number, attempt: Attempt): void {
    const { decision, postFilter, at_ms, duration_ms } = attempt;
    const { verdicts, told } = toldTo(decision);
    this.#profiles[slot] = decision.profile;
    this.#special[slot] = specialOf(attempt, verdicts);
    this.#writeWhose(slot, decision);
    const few = this.#writeBestFew(slot, decision);
    const written = this.ring.write(decision, told, postFilter?.preemption?.candidates ?? []);
    const numbers = this.#numbers;
    let at = slot * SLOT_NUMBERS;
    numbers[at++] = attempt.attempt;
    numbers[at++] = at_ms;
    numbers[at++] = duration_ms;
    numbers[at++] = decision.total;
    numbers[at++] = decision.feasible.length;
    numbers[at++] = decision.best;
    numbers[at++] = scoredIn(decision);
    numbers[at++] = few;
    numbers[at++] = written?.number ?? UNWRITTEN;
    if (written) {
      numbers[at++] = written.order;
      numbers[at++] = written.runs;
      numbers[at++] = written.scores;
      numbers[at++] = written.candidate;
      numbers[at++] = written.candidates;
    }
  }

  /** Its numbers are those of the slot, which change with it. */
  read(slot: number): KeptDecision {
    const [namespace = '', name, uid, node, ...few] = this.#texts.slice(slot * SLOT_TEXTS, (slot + 1) * SLOT_TEXTS);
    let at = slot * SLOT_NUMBERS;
    // In the order in which they are written.
    const next = () => this.#numbers[at++]!;
    return {
      namespace,
      name: name!,
      uid: uid!,
      node,
      profile: this.#profiles[slot]!,
      attempt: next(),
      at_ms: next(),
      duration_ms: next(),
      total: next(),
      feasible: next(),
      best: next(),
      scored: next(),
      bestFew: { nodes: few.slice(0, next()) as readonly string[], numbers: this.#fewNumbers(slot) },
      written: readWritten(next),
      ...this.#special[slot]!,
    };
  }

  /** What it decided did not come about. */
  failed(slot: number, message: string): void {
    this.#special[slot] = { ...this.#special[slot]!, message };
  }

  uidOf(slot: number): string {
    return this.#texts[slot * SLOT_TEXTS + UID_TEXT]!;
  }

  /** Nobody asks for it any more. */
  clear(slot: number): void {
    this.#special[slot] = NOTHING_SPECIAL;
    this.#texts.fill(undefined, slot * SLOT_TEXTS, (slot + 1) * SLOT_TEXTS);
  }

  #writeWhose(slot: number, { pod: { metadata }, node }: Decision): void {
    const at = slot * SLOT_TEXTS;
    this.#texts[at] = metadata.namespace;
    this.#texts[at + 1] = metadata.name;
    this.#texts[at + UID_TEXT] = metadata.uid;
    this.#texts[at + 3] = node?.name;
  }

  /** How many they are. */
  #writeBestFew(slot: number, decision: Decision): number {
    const { feasible, numbers } = decision;
    const columns = numbers.length / feasible.length;
    const best = bestFew(decision, Math.min(BEST_FEW, Math.floor(FEW_NUMBERS / columns)));
    let at = slot * SLOT_NUMBERS + HEAD_NUMBERS;
    for (let j = 0; j < columns; j++) for (const i of best) this.#numbers[at++] = numbers[j * feasible.length + i]!;
    at = slot * SLOT_TEXTS + HEAD_TEXTS;
    for (let i = 0; i < BEST_FEW; i++) this.#texts[at++] = i < best.length ? feasible[best[i]!]!.name : undefined;
    return best.length;
  }

  #fewNumbers(slot: number): Float64Array {
    return this.#numbers.subarray(slot * SLOT_NUMBERS + HEAD_NUMBERS, (slot + 1) * SLOT_NUMBERS);
  }
}

function readWritten(next: () => number): Written | undefined {
  const number = next();
  if (number === UNWRITTEN) return undefined;
  return { number, order: next(), runs: next(), scores: next(), candidate: next(), candidates: next() };
}
