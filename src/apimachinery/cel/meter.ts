// What evaluating an expression costs: each step one, and more where a step goes through long strings or lists. No expression runs past its budget.
import type { ASTNode } from '@marcbachmann/cel-js';
import { compileRegexp } from '../regexp.js';

/** Upstream's bound for one expression: about a tenth of a second. */
export const MAX_COST_PER_CALL = 1_000_000;
/** Upstream's bound for all rules of one request. */
export const MAX_COST_PER_REQUEST = 10_000_000;

/** Of each character or item that a step goes through. */
const COST_PER_ITEM = 0.1;
const COST_OF_LIST = 10;
const COST_OF_MAP = 30;

export class CostExceededError extends Error {
  override readonly name = 'CostExceededError';
  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

/** Evaluation is synchronous, so there is one at a time. */
let left = 0;

export function spend(cost: number): void {
  left -= cost;
  if (left < 0) throw new CostExceededError();
}

/** Runs `evaluate` within a budget. Throws CostExceededError, whatever the expression made of errors. */
export function metered<T>(budget: number, evaluate: () => T): { readonly value: T; readonly cost: number } {
  left = budget;
  let value: T;
  try {
    value = evaluate();
  } catch (error) {
    if (left < 0) throw new CostExceededError();
    throw error;
  }
  if (left < 0) throw new CostExceededError();
  return { value, cost: budget - left };
}

/** How the library sees its own nodes: `evaluate` is replaced on the node itself, the way it does so on its own. */
type Evaluate = (evaluator: Evaluator, node: Node, context: unknown) => unknown;
interface Evaluator {
  run(node: Node, context: unknown): unknown;
}
interface Macro {
  readonly evaluate: (evaluator: Evaluator, macro: Macro, context: unknown) => unknown;
  readonly [field: string]: unknown;
}
interface Node {
  readonly op: string;
  readonly args: unknown;
  readonly meta: { readonly alternate?: Node; readonly macro?: Macro; readonly evaluate: Evaluate };
  evaluate: Evaluate;
}

/** Makes every step of a checked expression count, and `matches` safe. */
export function instrument(ast: ASTNode): void {
  visit(ast as unknown as Node, new Set());
}

/** The nodes of an expression, those that macros stand for among them. */
export function nodesOf(ast: ASTNode): readonly ASTNode[] {
  const seen = new Set<Node>();
  collect(ast, seen);
  return [...seen] as unknown as ASTNode[];
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

function visit(ast: Node, seen: Set<Node>): void {
  collect(ast, seen);
  for (const node of seen) {
    const evaluate = isMatches(node) ? matches(node) : plain(node);
    const base = node.op === 'list' ? COST_OF_LIST : node.op === 'map' ? COST_OF_MAP : 1;
    node.evaluate = (evaluator, self, context) => {
      spend(base);
      const value = evaluate(evaluator, self, context);
      if (typeof value === 'string' || Array.isArray(value)) spend(value.length * COST_PER_ITEM);
      return value;
    };
  }
}

function plain(node: Node): Evaluate {
  const { alternate, macro } = node.meta;
  if (alternate) return (evaluator, _node, context) => alternate.evaluate(evaluator, alternate, context);
  if (macro) return (evaluator, _node, context) => macro.evaluate(evaluator, macro, context);
  const { evaluate } = node.meta;
  return (evaluator, _node, context) => evaluate.call(node, evaluator, node, context);
}

const isMatches = ({ op, args }: Node): boolean => (op === 'rcall' || op === 'call') && (args as readonly unknown[])[0] === 'matches';

/** The library's own uses JavaScript's expressions, which are others than Go's and may take forever. */
function matches({ op, args }: Node): Evaluate {
  const [, first, rest] = args as readonly [string, Node | readonly Node[], readonly Node[]];
  const [text, pattern] = op === 'rcall' ? [first as Node, rest[0]!] : (first as readonly Node[]);
  return (evaluator, _node, context) => {
    const [subject, expression] = [evaluator.run(text!, context), evaluator.run(pattern!, context)];
    if (typeof subject !== 'string' || typeof expression !== 'string') throw new Error('no such overload: matches');
    spend((subject.length + expression.length) * COST_PER_ITEM);
    return compileRegexp(expression).matches(subject);
  };
}
