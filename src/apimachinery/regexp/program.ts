// A regular expression as a program for an automaton that is in several states at once.
import { type Assertion, type Chars, type Node, RegexpError } from './parse.js';

export type Instruction =
  /** Reads a character and goes on with the next instruction. */
  | { readonly op: 'chars'; readonly has: Chars }
  | { readonly op: 'assertion'; readonly what: Assertion }
  /** Goes on at both. */
  | { readonly op: 'split'; first: number; second: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'match' };

/** Counted repetitions are written out; as upstream, what grows past this is refused. */
const MAX_INSTRUCTIONS = 20_000;

/** Throws RegexpError. */
export function compileProgram(node: Node, pattern: string): readonly Instruction[] {
  const program: Instruction[] = [];
  const emit = <I extends Instruction>(instruction: I): I => {
    if (program.length >= MAX_INSTRUCTIONS) throw new RegexpError(`error parsing regexp: expression too large: \`${pattern}\``);
    program.push(instruction);
    return instruction;
  };
  write(node, program, emit);
  emit({ op: 'match' });
  return program;
}

type Emit = <I extends Instruction>(instruction: I) => I;

function write(node: Node, program: readonly Instruction[], emit: Emit): void {
  switch (node.type) {
    case 'chars':
      emit({ op: 'chars', has: node.has });
      return;
    case 'assertion':
      emit({ op: 'assertion', what: node.what });
      return;
    case 'sequence':
      // Something is written even for nothing, so that repeating nothing is bounded, too.
      if (node.parts.length === 0) emit({ op: 'jump', to: program.length + 1 });
      for (const part of node.parts) write(part, program, emit);
      return;
    case 'choice':
      writeChoice(node.parts, program, emit);
      return;
    case 'repeat':
      writeRepeat(node, program, emit);
  }
}

function writeChoice(parts: readonly Node[], program: readonly Instruction[], emit: Emit): void {
  const ends: { to: number }[] = [];
  for (const [index, part] of parts.entries()) {
    const split = index < parts.length - 1 ? emit({ op: 'split', first: program.length + 1, second: 0 }) : undefined;
    write(part, program, emit);
    if (!split) break;
    ends.push(emit({ op: 'jump', to: 0 }));
    split.second = program.length;
  }
  for (const end of ends) end.to = program.length;
}

function writeRepeat({ of, min, max }: Node & { type: 'repeat' }, program: readonly Instruction[], emit: Emit): void {
  for (let i = 0; i < min; i++) write(of, program, emit);
  if (max === undefined) {
    const start = program.length;
    const split = emit({ op: 'split', first: start + 1, second: 0 });
    write(of, program, emit);
    emit({ op: 'jump', to: start });
    split.second = program.length;
    return;
  }
  const splits: { second: number }[] = [];
  for (let i = min; i < max; i++) {
    splits.push(emit({ op: 'split', first: program.length + 1, second: 0 }));
    write(of, program, emit);
  }
  for (const split of splits) split.second = program.length;
}
