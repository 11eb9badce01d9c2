// The `variables` of a policy: named expressions, each evaluated at most once for a request, and only where another speaks of it.
import { CelError, type CelProgram, type CelVariables, CostExceededError } from '../../apimachinery/cel/environment.js';
import type { Variable } from '../../kinds/types/admissionregistration_v1.js';

/** What one request may still cost. */
export interface Budget {
  left: number;
}

interface Compiled {
  readonly name: string;
  readonly program: CelProgram;
  readonly refers: readonly string[];
}

/** The names that an expression takes from `variables`. */
export const variablesIn = (expression: string): readonly string[] =>
  [...expression.matchAll(/\bvariables\s*\.\s*([_a-zA-Z][_a-zA-Z0-9]*)/g)].map(([, name]) => name!);

export class VariableSet {
  readonly #compiled: ReadonlyMap<string, Compiled>;

  constructor(variables: readonly Variable[], compile: (expression: string) => CelProgram) {
    const compiled = variables.map(({ name, expression }) => ({ name, program: compile(expression), refers: variablesIn(expression) }));
    this.#compiled = new Map(compiled.map((each) => [each.name, each]));
  }

  /** For one request: the values found so far. */
  begin(request: CelVariables, budget: Budget): (names: readonly string[]) => CelVariables {
    const values = {};
    const known = new Set<string>();
    const variables = { ...request, variables: values };
    const need = (name: string) => {
      const compiled = this.#compiled.get(name);
      if (!compiled || known.has(name)) return;
      known.add(name);
      for (const other of compiled.refers) need(other);
      // One that cannot be evaluated fails whoever takes it, and nobody else.
      Object.defineProperty(values, name, { enumerable: true, get: getter(compiled.program, variables, budget) });
    };
    return (names) => {
      for (const name of names) need(name);
      return variables;
    };
  }
}

/** Evaluated now: an expression cannot be evaluated in the middle of another. */
function getter(program: CelProgram, variables: CelVariables, budget: Budget): () => unknown {
  try {
    const { value, cost } = program.evaluate(variables, budget.left);
    budget.left -= cost;
    return () => value;
  } catch (error) {
    if (!(error instanceof CelError || error instanceof CostExceededError)) throw error;
    return () => {
      throw error;
    };
  }
}
