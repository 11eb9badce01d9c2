// What evaluating an expression costs: each step one, and more where a step goes through long strings or lists. No expression runs past its budget.
import type { ASTNode } from '@marcbachmann/cel-js';
import { compileRegexp } from '../regexp.js';
import { type Evaluate, type Node, nodesOf } from './nodes.js';

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

/** Makes every step of a checked expression count, and `matches` safe. */
export function instrument(ast: ASTNode): void {
  for (const node of nodesOf(ast)) count(node);
}

function count(node: Node): void {
  const evaluate = isMatches(node) ? matches(node) : plain(node);
  const base = node.op === 'list' ? COST_OF_LIST : node.op === 'map' ? COST_OF_MAP : 1;
  node.evaluate = (evaluator, self, context) => {
    spend(base);
    const value = evaluate(evaluator, self, context);
    if (typeof value === 'string' || Array.isArray(value)) spend(value.length * COST_PER_ITEM);
    return value;
  };
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
