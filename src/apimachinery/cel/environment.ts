// CelEnvironment: CEL as Kubernetes has it: types, variables, and expressions that are checked before they are run.
import type * as Library from '@marcbachmann/cel-js';
import { celEquals } from './equals.js';
import { mendHas } from './has.js';
import { registerFormats } from './libraries/formats.js';
import { registerLists } from './libraries/lists.js';
import { registerNetwork } from './libraries/network.js';
import { registerQuantities } from './libraries/quantities.js';
import { registerSemver } from './libraries/semver.js';
import { registerStrings } from './libraries/strings.js';
import { registerTwoVariables } from './libraries/two-variables.js';
import { registerUrls } from './libraries/urls.js';
import { CostExceededError, instrument, MAX_COST_PER_CALL, metered } from './meter.js';
import { type Node, nodesOf } from './nodes.js';

/** What is wrong with an expression, before it is ever run. */
export class CelCompileError extends Error {
  override readonly name = 'CelCompileError';
}

/** What went wrong while one ran. */
export class CelError extends Error {
  override readonly name = 'CelError';
}

export { CostExceededError } from './meter.js';

export type CelVariables = { readonly [name: string]: unknown };

export interface CelProgram {
  /** `bool`, `string`, `list<string>`, `dyn`. */
  readonly type: string;
  /** The expression as it is run, for those that look into it. */
  readonly root: Node;
  /** Whether the expression speaks of a variable. */
  uses(variable: string): boolean;
  /** Throws CelError; CostExceededError past `budget`, or past what one expression may cost. */
  evaluate(variables: CelVariables, budget?: number): { readonly value: unknown; readonly cost: number };
}

/** Longest expression: upstream's. */
const MAX_LENGTH = 16 * 1024;

export class CelEnvironment {
  private constructor(
    private readonly cel: typeof Library,
    readonly native: Library.Environment,
  ) {}

  static base(library: typeof Library): CelEnvironment {
    const native = new library.Environment({ homogeneousAggregateLiterals: false, enableOptionalTypes: true });
    // What is no plain value may be compared with null, which it never is.
    for (const type of NULLABLE) native.registerOperator(`${type} == null`, () => false);
    for (const register of LIBRARIES) register(native, library);
    return new CelEnvironment(library, native);
  }

  /** One of its own that knows all that this one does; this one can then not be added to any more. */
  extend(): CelEnvironment {
    return new CelEnvironment(this.cel, this.native.clone());
  }

  /** `type` is CEL's: `dyn`, `int`, `list<string>`, or the name of a type that was declared. */
  variable(name: string, type: string): this {
    this.native.registerVariable(name, type);
    return this;
  }

  /** A type of objects with these fields, by the names of their types. Returns what makes one, to be filled in. */
  message(name: string, fields: { readonly [field: string]: string }): () => { [field: string]: unknown } {
    const Message = class {
      [field: string]: unknown;
    };
    this.native.registerType(name, { ctor: Message, fields });
    this.native.registerOperator(`${name} == ${name}`, celEquals);
    this.native.registerOperator(`${name} == null`, () => false);
    return () => new Message();
  }

  optional(value: unknown): unknown {
    return value === undefined ? this.cel.Optional.none() : this.cel.Optional.of(value);
  }

  /** Of a text such as `1h30m`. */
  duration(text: string): unknown {
    return this.native.evaluate(`duration(${JSON.stringify(text)})`);
  }

  /** Throws CelCompileError. */
  compile(expression: string): CelProgram {
    if (expression.length > MAX_LENGTH) throw new CelCompileError(`expression is longer than ${MAX_LENGTH} characters`);
    const parsed = this.#parse(expression);
    mendHas(parsed.ast);
    const { valid, type = 'dyn', error } = parsed.check();
    if (!valid) throw compileError(error!, expression);
    const nodes = nodesOf(parsed.ast);
    const names = new Set(nodes.filter(({ op }) => op === 'id').map(({ args }) => args as string));
    instrument(parsed.ast);
    return {
      type,
      root: parsed.ast as unknown as Node,
      uses: (variable) => names.has(variable),
      evaluate: (variables, budget = MAX_COST_PER_CALL) => evaluate(parsed, variables, Math.min(budget, MAX_COST_PER_CALL)),
    };
  }

  #parse(expression: string): Library.ParseResult {
    try {
      return this.native.parse(expression);
    } catch (error) {
      throw compileError(error as Error, expression);
    }
  }
}

const NULLABLE = ['optional', 'google.protobuf.Timestamp', 'google.protobuf.Duration'];

const LIBRARIES = [
  registerStrings,
  registerLists,
  registerTwoVariables,
  registerQuantities,
  registerUrls,
  registerNetwork,
  registerFormats,
  registerSemver,
];

function evaluate(parsed: Library.ParseResult, variables: CelVariables, budget: number) {
  try {
    return metered(budget, () => parsed(variables as Library.Context) as unknown);
  } catch (error) {
    if (error instanceof CostExceededError) throw error;
    throw new CelError(summaryOf(error as Error));
  }
}

interface Located extends Error {
  readonly summary?: string;
  readonly range?: { readonly start: number };
}

/** Go's messages begin in lower case. */
function summaryOf(error: Located): string {
  const text = error.summary ?? error.message.split('\n')[0]!;
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** What the checker says, by what cel-go says in its place. */
const CHECKS: readonly (readonly [RegExp, (...parts: string[]) => string])[] = [
  [/^No such key: (.*)$/, (name) => `undefined field '${name}'`],
  [/^Unknown variable: (.*)$/, (name) => `undeclared reference to '${name}' (in container '')`],
  [/^no such overload: (.+) ([^ ]+) (.+)$/, (a, operator, b) => `found no matching overload for '_${operator}_' applied to '(${a}, ${b})'`],
];

function checkText(error: Located): string {
  const text = error.summary ?? error.message.split('\n')[0]!;
  for (const [pattern, say] of CHECKS) {
    const found = pattern.exec(text);
    if (found) return say(...found.slice(1));
  }
  return summaryOf(error);
}

/** As upstream shows it: where in the expression it is. A field that is not there is told at its dot. */
function compileError(error: Located, expression: string): CelCompileError {
  const start = error.range?.start ?? 0;
  const before = expression.slice(0, expression[start - 1] === '.' ? start - 1 : start).split('\n');
  const [line, column] = [before.length, before.at(-1)!.length];
  const text = expression.split('\n')[line - 1] ?? '';
  return new CelCompileError(
    `compilation failed: ERROR: <input>:${line}:${column + 1}: ${checkText(error)}\n | ${text}\n | ${'.'.repeat(column)}^`,
  );
}
