// Comprehensions over keys and values: all, exists and existsOne of two variables, transformList, transformMap, transformMapEntry; and
// sortBy, which has the values alone.
import { CostExceededError, spend } from '../meter.js';
import type { Checker, Evaluator, Macro, Node } from '../nodes.js';
import { int, type Register } from './library.js';
import { sorted } from './lists.js';

/** A scope with one more variable, as the library makes it when it checks and fills it when it evaluates. */
interface Scope {
  forkWithVariable(name: string, type: unknown): Scope;
  reuse(parent: Scope): Scope;
  setIterValue(value: unknown, evaluator: Evaluator): Scope;
}

interface CelType {
  readonly kind: string;
  readonly keyType: CelType;
  readonly valueType: CelType;
}

type Run = (node: Node) => unknown;
/** One step with both variables set. */
interface Step {
  readonly key: unknown;
  readonly value: unknown;
  /** Evaluates within the step. */
  readonly run: Run;
}

interface Comprehension {
  /** 2 if absent: the key's and the value's. */
  readonly variables?: 1;
  /** After the range and the names of the variables. */
  readonly args: number;
  /** Of what is checked with the types of the arguments. */
  type(checker: Checker, types: readonly CelType[], key: CelType, value: CelType): unknown;
  evaluate(steps: () => Iterable<Step>, args: readonly Node[]): unknown;
}

/** For whoever estimates what it costs. */
export interface TwoVariables extends Macro {
  readonly args: readonly Node[];
  readonly range: Node;
  readonly valueName: string;
}

function truth(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new Error('no such overload: a predicate must be a bool');
  return value;
}

/** As CEL's `&&` and `||`: an error counts only where nothing else decides. */
function decide(steps: Iterable<Step>, predicate: Node, decisive: boolean): boolean {
  let failed: { readonly error: unknown } | undefined;
  for (const { run } of steps) {
    try {
      if (truth(run(predicate)) === decisive) return decisive;
    } catch (error) {
      if (error instanceof CostExceededError) throw error;
      failed ??= { error };
    }
  }
  if (failed) throw failed.error;
  return !decisive;
}

const toBool = (checker: Checker) => checker.getType('bool');

const SORT_BY: Comprehension = {
  variables: 1,
  args: 1,
  type: (checker, _types, _key, value) => checker.getType(`list<${value}>`),
  evaluate(steps, [by]) {
    const pairs = Array.from(steps(), ({ value, run }) => [value, run(by!)] as const);
    return sorted(
      pairs.map(([value]) => value),
      pairs.map(([, key]) => key as never),
    );
  },
};

const QUANTIFIERS: { readonly [name: string]: Comprehension } = {
  all: { args: 1, type: toBool, evaluate: (steps, [predicate]) => decide(steps(), predicate!, false) },
  exists: { args: 1, type: toBool, evaluate: (steps, [predicate]) => decide(steps(), predicate!, true) },
  existsOne: { args: 1, type: toBool, evaluate: (steps, [predicate]) => [...chosen(steps(), predicate)].length === 1 },
};

function* chosen(steps: Iterable<Step>, filter: Node | undefined): Iterable<Step> {
  for (const step of steps) if (!filter || truth(step.run(filter))) yield step;
}

/** With a filter before the transformation, or without. */
const transform = (type: Comprehension['type'], make: (steps: Iterable<Step>, transformation: Node) => unknown): readonly Comprehension[] =>
  [1, 2].map((args) => ({
    args,
    type: (checker, types, key, value) => type(checker, types.slice(-1), key, value),
    evaluate: (steps, given) => make(chosen(steps(), args === 2 ? given[0] : undefined), given.at(-1)!),
  }));

function entriesOnce(entries: Iterable<readonly [unknown, unknown]>): { [key: string]: unknown } {
  const out: { [key: string]: unknown } = Object.create(Object.prototype);
  for (const [key, value] of entries) {
    const name = String(key);
    if (Object.hasOwn(out, name)) throw new Error(`insert failed: key ${name} already exists`);
    Object.defineProperty(out, name, { value, enumerable: true, writable: true, configurable: true });
  }
  return out;
}

const TRANSFORMATIONS: { readonly [name: string]: readonly Comprehension[] } = {
  transformList: transform(
    (checker, [type]) => checker.getType(`list<${type}>`),
    (steps, node) => Array.from(steps, ({ run }) => run(node)),
  ),
  transformMap: transform(
    (checker, [type], key) => checker.getType(`map<${key}, ${type}>`),
    (steps, node) => entriesOnce(Array.from(steps, ({ key, run }) => [key, run(node)] as const)),
  ),
  transformMapEntry: transform(
    (_, [type]) => type,
    (steps, node) => entriesOnce(Array.from(steps, ({ run }) => pairsOf(run(node))).flat()),
  ),
};

/** Of a list by its indexes, of a map by its keys. */
function pairsOf(value: unknown): readonly (readonly [unknown, unknown])[] {
  if (Array.isArray(value)) return value.map((item, i) => [int(i), item]);
  if (value instanceof Map) return [...value];
  if (typeof value === 'object' && value !== null) return Object.entries(value);
  throw new Error('no such overload: the range of a comprehension must be a list or a map');
}

export const registerTwoVariables: Register = (environment) => {
  const all = {
    sortBy: [SORT_BY],
    ...Object.fromEntries(Object.entries(QUANTIFIERS).map(([name, one]) => [name, [one]])),
    ...TRANSFORMATIONS,
  };
  for (const [name, comprehensions] of Object.entries(all)) {
    for (const comprehension of comprehensions) {
      const parameters = Array.from({ length: comprehension.args + (comprehension.variables ?? 2) }, () => 'ast').join(', ');
      const expand = ({ args, receiver }: { args: readonly Node[]; receiver: Node }) => macro(name, comprehension, args, receiver);
      environment.registerFunction(`list.${name}(${parameters}): dyn`, expand as never);
    }
  }
};

function macro(name: string, comprehension: Comprehension, args: readonly Node[], range: Node): TwoVariables {
  const count = comprehension.variables ?? 2;
  const names = args.slice(0, count).map((node) => {
    if (node.op !== 'id') throw new Error(`${name}(): argument must be a simple name`);
    return node.args as string;
  });
  // A key that has no name is one that no expression can say.
  const [keyName, valueName] = [count === 2 ? names[0]! : '', names.at(-1)!];
  const parts = args.slice(count);
  let [outer, inner]: [Scope?, Scope?] = [];
  return {
    args: [range, ...parts],
    range,
    valueName,
    typeCheck(checker, _macro, context) {
      const [key, value] = typesOf(checker, range, context);
      outer = (context as Scope).forkWithVariable(keyName, key);
      inner = outer.forkWithVariable(valueName, value);
      return comprehension.type(
        checker,
        parts.map((node) => checker.check(node, inner) as CelType),
        key,
        value,
      );
    },
    evaluate(evaluator, _macro, context) {
      const pairs = pairsOf(evaluator.run(range, context));
      function* steps(): Iterable<Step> {
        for (const [key, value] of pairs) {
          spend(1);
          const scope = inner!.reuse(outer!.reuse(context as Scope).setIterValue(key, evaluator)).setIterValue(value, evaluator);
          yield { key, value, run: (node) => evaluator.run(node, scope) };
        }
      }
      return comprehension.evaluate(steps, parts);
    },
  };
}

function typesOf(checker: Checker, range: Node, context: unknown): readonly [CelType, CelType] {
  const type = checker.check(range, context) as CelType;
  const named = (name: string) => checker.getType(name) as CelType;
  if (type.kind === 'dyn') return [named('dyn'), named('dyn')];
  if (type.kind === 'list') return [named('int'), type.valueType];
  if (type.kind === 'map') return [type.keyType, type.valueType];
  const why = `Expression of type '${type}' cannot be range of a comprehension (must be list, map, or dynamic).`;
  throw checker.createError('invalid_comprehension_range', why, range);
}
