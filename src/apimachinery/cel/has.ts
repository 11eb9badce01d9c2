// has(): the library knows it of names and their fields only, CEL of the field of any expression (`has(self.list[0].name)`).
import type { ASTNode } from '@marcbachmann/cel-js';
import { type Macro, type Node, nodesOf } from './nodes.js';

/** Of an expression that is parsed, but not checked yet. */
export function mendHas(ast: ASTNode): void {
  for (const { op, args, meta } of nodesOf(ast)) {
    if (op === 'call' && (args as readonly unknown[])[0] === 'has' && meta.macro?.args) mend(meta.macro, meta.macro.args[0]!);
  }
}

function mend(macro: Macro, argument: Node): void {
  macro.typeCheck = (checker, _macro, context) => {
    if (argument.op !== '.' && argument.op !== '.?')
      throw checker.createError('invalid_macro_argument', 'invalid argument to has() macro', argument);
    // That the field may be there at all; whether it is, is the question.
    checker.check(argument, context);
    return checker.getType('bool');
  };
  macro.evaluate = (evaluator, _macro, context) => {
    const [from, field] = argument.args as readonly [Node, string];
    const value = evaluator.run(from, context);
    return evaluator.debugType(value).fieldLazy(value, field, argument, evaluator) !== undefined;
  };
}
