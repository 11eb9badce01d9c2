// A ValidatingAdmissionPolicy made ready: what it matches and its programs, and what they say of one request.
import { CelError, type CelProgram, type CelVariables, CostExceededError } from '../../apimachinery/cel/environment.js';
import { MAX_COST_PER_REQUEST } from '../../apimachinery/cel/meter.js';
import { admissionEnvironment } from '../../kinds/admissionregistration/cel.js';
import type { ValidatingAdmissionPolicy, Validation } from '../../kinds/types/admissionregistration_v1.js';
import { RequestMatcher } from '../admission/matching.js';
import { ConditionError, MatchConditions } from './match-conditions.js';
import { type Budget, VariableSet, variablesIn } from './variables.js';

/** Longest message that an expression may make; a longer one is as good as none. */
const MAX_MESSAGE_LENGTH = 5 * 1024;
/** Longest audit annotation; a longer one is cut. */
const MAX_ANNOTATION_LENGTH = 10 * 1024;

/** Why a request does not satisfy a policy. */
export interface Failure {
  readonly message: string;
  readonly reason: string;
  /** Which validation it was; 0 where it was none. */
  readonly index: number;
}

/** What a policy says of a request. */
export interface Verdict {
  readonly failures: readonly Failure[];
  /** For the audit log, by their keys. */
  readonly annotations: readonly (readonly [key: string, value: string])[];
}

const NOTHING: Verdict = { failures: [], annotations: [] };

interface CompiledValidation {
  readonly validation: Validation;
  readonly program: CelProgram;
  readonly message: CelProgram | undefined;
}

interface Compiled {
  readonly variables: VariableSet;
  readonly validations: readonly CompiledValidation[];
  readonly annotations: readonly { readonly key: string; readonly expression: string; readonly program: CelProgram }[];
}

export class CompiledPolicy {
  readonly matcher: RequestMatcher;
  readonly #conditions: MatchConditions;
  #compiled: Compiled | undefined;

  constructor(readonly policy: ValidatingAdmissionPolicy) {
    const { matchConstraints = {}, matchConditions = [], paramKind } = policy.spec;
    const {
      resourceRules: rules = [],
      excludeResourceRules: excludeRules,
      matchPolicy,
      namespaceSelector,
      objectSelector,
    } = matchConstraints;
    this.matcher = new RequestMatcher({ rules, excludeRules, matchPolicy, namespaceSelector, objectSelector });
    this.#conditions = new MatchConditions(matchConditions, { params: paramKind !== undefined });
  }

  get failsClosed(): boolean {
    return this.policy.spec.failurePolicy !== 'Ignore';
  }

  /** Call it only where CEL is loaded. */
  evaluate(request: CelVariables): Verdict {
    try {
      if (!this.#conditions.isEmpty && !this.#conditions.hold(request)) return NOTHING;
    } catch (error) {
      if (error instanceof ConditionError) return { failures: this.#errored(error.message), annotations: [] };
      throw error;
    }
    this.#compiled ??= this.#compile();
    const budget: Budget = { left: MAX_COST_PER_REQUEST };
    const withVariables = this.#compiled.variables.begin(request, budget);
    const failures = this.#compiled.validations.flatMap((each, i) => this.#validate(each, i, withVariables, budget));
    return this.#annotate(failures, withVariables, budget);
  }

  #annotate(failures: readonly Failure[], withVariables: (names: readonly string[]) => CelVariables, budget: Budget): Verdict {
    const annotations: (readonly [string, string])[] = [];
    const errors: Failure[] = [];
    for (const { key, expression, program } of this.#compiled!.annotations) {
      try {
        const { value, cost } = program.evaluate(withVariables(variablesIn(expression)), budget.left);
        budget.left -= cost;
        const text = typeof value === 'string' ? value.trim() : '';
        if (text) annotations.push([`${this.policy.metadata.name}/${key}`, text.slice(0, MAX_ANNOTATION_LENGTH)]);
      } catch (error) {
        if (!(error instanceof CelError || error instanceof CostExceededError)) throw error;
        errors.push(...this.#errored(`expression '${expression}' resulted in error: ${error.message}`));
      }
    }
    return { failures: [...failures, ...errors], annotations };
  }

  #compile(): Compiled {
    const { paramKind, variables = [], validations = [], auditAnnotations = [] } = this.policy.spec;
    const declared = { params: paramKind !== undefined, variables: variables.length > 0 };
    const [environment, forMessages] = [admissionEnvironment(declared), admissionEnvironment({ ...declared, authorizer: false })];
    return {
      variables: new VariableSet(variables, (expression) => environment.compile(expression)),
      validations: validations.map((validation) => ({
        validation,
        program: environment.compile(validation.expression),
        message: validation.messageExpression ? forMessages.compile(validation.messageExpression) : undefined,
      })),
      annotations: auditAnnotations.map(({ key, valueExpression: expression }) => ({
        key,
        expression,
        program: environment.compile(expression),
      })),
    };
  }

  #validate(
    { validation, program, message }: CompiledValidation,
    index: number,
    withVariables: (names: readonly string[]) => CelVariables,
    budget: Budget,
  ) {
    const { expression, messageExpression = '', reason = 'Invalid' } = validation;
    try {
      const { value, cost } = program.evaluate(withVariables(variablesIn(expression)), budget.left);
      budget.left -= cost;
      if (value === true) return [];
    } catch (error) {
      if (error instanceof CostExceededError)
        return this.#errored('validation failed due to running out of cost budget, no further validation rules will be run', index);
      if (error instanceof CelError) return this.#errored(`expression '${expression}' resulted in error: ${error.message}`, index);
      throw error;
    }
    const own = message && messageOf(message, withVariables(variablesIn(messageExpression)), budget);
    return [{ message: own ?? (validation.message?.trim() || `failed expression: ${expression.trim()}`), reason, index }];
  }

  #errored(message: string, index = 0): readonly Failure[] {
    return this.failsClosed ? [{ message, reason: 'Invalid', index }] : [];
  }
}

/** As upstream: one that fails, is empty, too long or of several lines is passed over. */
function messageOf(program: CelProgram, variables: CelVariables, budget: Budget): string | undefined {
  try {
    const { value, cost } = program.evaluate(variables, budget.left);
    budget.left -= cost;
    const text = typeof value === 'string' ? value.trim() : '';
    return text === '' || text.length > MAX_MESSAGE_LENGTH || /[\n\r]/.test(text) ? undefined : text;
  } catch (error) {
    if (error instanceof CelError || error instanceof CostExceededError) return undefined;
    throw error;
  }
}
