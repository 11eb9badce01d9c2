// Match conditions: expressions that must all hold for a webhook or a policy to be about a request. Compiled once.
import { CelError, type CelProgram, type CelVariables, CostExceededError } from '../../apimachinery/cel/environment.js';
import { admissionEnvironment, type Declared } from '../../kinds/admissionregistration/cel.js';
import type { MatchCondition } from '../../kinds/types/admissionregistration_v1.js';

/** Of all conditions of one webhook or policy for one request: upstream's. */
const BUDGET = 2_500_000;

/** Which expression failed, and how; what failurePolicy is about. */
export class ConditionError extends Error {}

export class MatchConditions {
  #programs: readonly CelProgram[] | undefined;

  constructor(
    private readonly conditions: readonly MatchCondition[],
    private readonly declared: Declared = {},
  ) {}

  get isEmpty(): boolean {
    return this.conditions.length === 0;
  }

  /** One that is false decides, whatever the others make of errors. Throws ConditionError. Call it only where CEL is loaded. */
  hold(variables: CelVariables): boolean {
    this.#programs ??= this.conditions.map(({ expression }) => admissionEnvironment(this.declared).compile(expression));
    const errors: string[] = [];
    let left = BUDGET;
    for (const [i, program] of this.#programs.entries()) {
      try {
        const { value, cost } = program.evaluate(variables, left);
        left -= cost;
        if (value !== true) return false;
      } catch (error) {
        if (!(error instanceof CelError || error instanceof CostExceededError)) throw error;
        errors.push(`expression '${this.conditions[i]!.expression}' resulted in error: ${error.message}`);
      }
    }
    if (errors.length === 0) return true;
    throw new ConditionError(errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`);
  }
}
