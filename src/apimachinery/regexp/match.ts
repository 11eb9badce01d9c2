// Matcher: runs a program over a text, all alternatives at once; sets of states that were met before are not worked out again.
import { type Assertion, isWord } from './parse.js';
import type { Instruction } from './program.js';

/** What stands before or after a position, as far as assertions ask. */
type Neighbour = 'edge' | 'newline' | 'word' | 'other';

interface State {
  /** Where the program goes on, before assertions and jumps. */
  readonly at: readonly number[];
  readonly before: Neighbour;
  /** By the next character. */
  readonly next: Map<number, State>;
}

/** Past it the states are forgotten, so that neither an expression nor a text can fill the memory. */
const MAX_STATES = 2000;
const MAX_TRANSITIONS = 200_000;
const END = -1;
const NEWLINE = 10;

export class Matcher {
  #states = new Map<string, State>();
  #transitions = 0;
  readonly #matched: State = { at: [], before: 'other', next: new Map() };

  constructor(private readonly program: readonly Instruction[]) {}

  matches(text: string): boolean {
    let state = this.#state([0], 'edge');
    for (let i = 0; i < text.length; ) {
      const c = text.codePointAt(i)!;
      state = state.next.get(c) ?? this.#step(state, c);
      if (state === this.#matched) return true;
      i += c > 0xffff ? 2 : 1;
    }
    return (state.next.get(END) ?? this.#step(state, END)) === this.#matched;
  }

  #step(state: State, c: number): State {
    const reached = this.#closure(state, neighbourOf(c));
    let next = this.#matched;
    if (reached) {
      const at = c === END ? [] : reached.filter((pc) => (this.program[pc] as { has(c: number): boolean }).has(c)).map((pc) => pc + 1);
      // A match may begin at any character.
      next = this.#state([...at, 0], neighbourOf(c));
    }
    if (++this.#transitions > MAX_TRANSITIONS) this.#forget();
    state.next.set(c, next);
    return next;
  }

  #state(at: readonly number[], before: Neighbour): State {
    const sorted = [...new Set(at)].sort((a, b) => a - b);
    const key = `${before} ${sorted}`;
    let state = this.#states.get(key);
    if (!state) {
      if (this.#states.size >= MAX_STATES) this.#forget();
      state = { at: sorted, before, next: new Map() };
      this.#states.set(key, state);
    }
    return state;
  }

  #forget(): void {
    this.#states = new Map();
    this.#transitions = 0;
  }

  /** The instructions that read a character, as reached from `state`; undefined where the match is complete. */
  #closure({ at, before }: State, after: Neighbour): number[] | undefined {
    const seen = new Set<number>();
    const out: number[] = [];
    const todo = [...at];
    for (let pc = todo.pop(); pc !== undefined; pc = todo.pop()) {
      if (seen.has(pc)) continue;
      seen.add(pc);
      const instruction = this.program[pc]!;
      if (instruction.op === 'match') return undefined;
      if (instruction.op === 'chars') out.push(pc);
      else if (instruction.op === 'jump') todo.push(instruction.to);
      else if (instruction.op === 'split') todo.push(instruction.second, instruction.first);
      else if (holds(instruction.what, before, after)) todo.push(pc + 1);
    }
    return out;
  }
}

function neighbourOf(c: number): Neighbour {
  if (c === END) return 'edge';
  if (c === NEWLINE) return 'newline';
  return isWord(c) ? 'word' : 'other';
}

function holds(what: Assertion, before: Neighbour, after: Neighbour): boolean {
  switch (what) {
    case 'beginText':
      return before === 'edge';
    case 'endText':
      return after === 'edge';
    case 'beginLine':
      return before === 'edge' || before === 'newline';
    case 'endLine':
      return after === 'edge' || after === 'newline';
    case 'boundary':
      return (before === 'word') !== (after === 'word');
    case 'noBoundary':
      return (before === 'word') === (after === 'word');
  }
}
