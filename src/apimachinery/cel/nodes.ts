// The nodes of a parsed expression as the library itself sees them: what it tells of them publicly is not enough to measure, or to mend.
import type { ASTNode } from '@marcbachmann/cel-js';

/** `evaluate` may be replaced on the node itself, the way the library does so on its own. */
export type Evaluate = (evaluator: Evaluator, node: Node, context: unknown) => unknown;

export interface Evaluator {
  run(node: Node, context: unknown): unknown;
  debugType(value: unknown): { fieldLazy(value: unknown, field: string, node: Node, evaluator: Evaluator): unknown };
}

export interface Checker {
  check(node: Node, context: unknown): unknown;
  getType(name: string): unknown;
  createError(code: string, message: string, node: Node): Error;
}

export interface Macro {
  args?: readonly Node[];
  evaluate: (evaluator: Evaluator, macro: Macro, context: unknown) => unknown;
  typeCheck: (checker: Checker, macro: Macro, context: unknown) => unknown;
}

export interface Node {
  readonly op: string;
  readonly args: unknown;
  readonly meta: { readonly alternate?: Node; readonly macro?: Macro; readonly evaluate: Evaluate };
  evaluate: Evaluate;
}

/** The nodes of an expression, those that macros stand for among them. */
export function nodesOf(ast: ASTNode): readonly Node[] {
  const seen = new Set<Node>();
  collect(ast, seen);
  return [...seen];
}

function collect(value: unknown, seen: Set<Node>): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) collect(item, seen);
    return;
  }
  if (!isNode(value)) {
    // What a comprehension is made of.
    if (Object.getPrototypeOf(value) === Object.prototype) for (const item of partsOf(value)) collect(item, seen);
    return;
  }
  if (seen.has(value)) return;
  seen.add(value);
  collect(value.args, seen);
  collect(value.meta.alternate, seen);
  collect(value.meta.macro, seen);
}

const isNode = (value: object): value is Node => 'op' in value && 'meta' in value && 'args' in value;

const partsOf = (value: object): readonly unknown[] =>
  Object.values(value).filter((part) => Array.isArray(part) || (typeof part === 'object' && part !== null && isNode(part)));
