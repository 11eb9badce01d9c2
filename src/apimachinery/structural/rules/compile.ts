// compileRules: the x-kubernetes-validations of a schema as programs, each where it stands in the schema.
import { CelCompileError, type CelEnvironment, type CelProgram } from '../../cel/environment.js';
import type { FieldError } from '../../field.js';
import { forbidden, invalid } from '../../field.js';
import type { Json } from '../../json.js';
import { itemsOf, type JsonSchema, someSchema, type ValidationRule, valuesOf } from '../schema.js';
import { fieldPathSteps } from '../well-formed.js';
import { estimatedCost, MAX_RULE_COST, MAX_SCHEMA_COST, maxTimes, tooExpensive } from './cost.js';
import { type CelType, CelTypes } from './types.js';

export interface Rule {
  readonly source: ValidationRule;
  readonly program: CelProgram;
  readonly message: CelProgram | undefined;
  /** About a change, not about a state. */
  readonly usesOldSelf: boolean;
  /** The field that is to blame, below the one that the rule stands at: `.a.b`. */
  readonly fieldPath: string;
}

/** A place in a schema at which, or below which, there are rules. */
export interface RuleNode {
  readonly schema: JsonSchema;
  /** Of the value; set where there are rules. */
  readonly type: (CelType & { optional(value: unknown): unknown }) | undefined;
  readonly rules: readonly Rule[];
  readonly properties: ReadonlyMap<string, RuleNode>;
  readonly items: RuleNode | undefined;
  readonly values: RuleNode | undefined;
}

export interface CompiledRules {
  /** Undefined where there are none. */
  readonly root: RuleNode | undefined;
  /** What is wrong with the rules themselves. */
  readonly errors: readonly FieldError[];
}

export const hasRules = (schema: JsonSchema): boolean => someSchema(schema, (each) => Boolean(each['x-kubernetes-validations']?.length));

/** `at` is the schema's path; `base` is the environment without variables. */
export function compileRules(schema: JsonSchema, base: CelEnvironment, at: string): CompiledRules {
  const compiler = new Compiler(base.extend());
  compiler.declare(schema, true);
  const root = compiler.node(schema, at, undefined, 1);
  compiler.checkTotal(at);
  return { root, errors: compiler.errors };
}

/** Where a rule stands. */
interface Place {
  readonly schema: JsonSchema;
  readonly type: CelType;
  readonly uncorrelated: string | undefined;
  readonly times: number | undefined;
}

const timesOf = (times: number | undefined, bound: number | undefined) =>
  times === undefined || bound === undefined ? undefined : times * bound;

class Compiler {
  readonly errors: FieldError[] = [];
  #total = 0;
  readonly #types: CelTypes;

  constructor(private readonly environment: CelEnvironment) {
    this.#types = new CelTypes(environment);
  }

  /** All types first: an environment that others extend cannot be added to. */
  declare(schema: JsonSchema, whole = false): void {
    if (!hasRules(schema)) return;
    if (schema['x-kubernetes-validations']?.length) this.#types.of(schema, whole);
    for (const inner of [itemsOf(schema), valuesOf(schema), ...Object.values(schema.properties ?? {})]) if (inner) this.declare(inner);
  }

  checkTotal(at: string): void {
    const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
    if (this.#total > MAX_SCHEMA_COST) this.errors.push(forbidden(at, tooExpensive(what, this.#total, MAX_SCHEMA_COST)));
  }

  /** `uncorrelated` is the first path above at which old and new cannot be told apart, `times` how often one object can have the place, if that is bounded. */
  node(schema: JsonSchema, at: string, uncorrelated: string | undefined, times: number | undefined): RuleNode | undefined {
    if (!hasRules(schema)) return undefined;
    const ownRules = schema['x-kubernetes-validations'] ?? [];
    const type = ownRules.length > 0 ? this.#types.of(schema) : undefined;
    const rules = type
      ? ownRules.flatMap((rule, i) => this.#rule(rule, { schema, type, uncorrelated, times }, `${at}.x-kubernetes-validations[${i}]`))
      : [];
    const inMap = uncorrelated ?? (schema['x-kubernetes-map-type'] === 'atomic' ? at : undefined);
    const inList = uncorrelated ?? (schema['x-kubernetes-list-type'] === 'map' ? undefined : at);
    const [items, values] = [itemsOf(schema), valuesOf(schema)];
    const properties = new Map<string, RuleNode>();
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      const node = this.node(property, `${at}.properties[${name}]`, inMap, times);
      if (node) properties.set(name, node);
    }
    return {
      schema,
      type: type && { ...type, optional: (value) => this.environment.optional(value) },
      rules,
      properties,
      items: items && this.node(items, `${at}.items`, inList, timesOf(times, schema.maxItems)),
      values: values && this.node(values, `${at}.additionalProperties`, inMap, timesOf(times, schema.maxProperties)),
    };
  }

  #rule(source: ValidationRule, { schema, type, uncorrelated, times }: Place, at: string): readonly Rule[] {
    const optional = source.optionalOldSelf === true;
    const environment = this.environment
      .extend()
      .variable('self', type.name)
      .variable('oldSelf', optional ? `optional<${type.name}>` : type.name);
    const program = this.#compile(environment, source.rule, 'bool', `${at}.rule`, source);
    const { messageExpression } = source;
    const message = messageExpression
      ? this.#compile(environment, messageExpression, 'string', `${at}.messageExpression`, source)
      : undefined;
    if (!program) return [];
    this.#checkCost(estimatedCost(program.root, schema) * (times ?? maxTimes(schema)), `${at}.rule`);
    const usesOldSelf = program.uses('oldSelf');
    if (usesOldSelf && uncorrelated !== undefined) {
      const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`;
      this.errors.push(invalid(`${at}.rule`, source.rule, why));
    }
    if (!usesOldSelf && source.optionalOldSelf !== undefined) {
      this.errors.push(invalid(`${at}.optionalOldSelf`, source.optionalOldSelf, 'may not be set if oldSelf is not used in rule'));
    }
    const steps = source.fieldPath ? (fieldPathSteps(source.fieldPath) ?? []) : [];
    return [{ source, program, message, usesOldSelf, fieldPath: steps.map((step) => `.${step}`).join('') }];
  }

  #checkCost(cost: number, at: string): void {
    this.#total += cost;
    if (cost > MAX_RULE_COST) this.errors.push(forbidden(at, tooExpensive('estimated rule cost', cost, MAX_RULE_COST)));
  }

  #compile(
    environment: CelEnvironment,
    expression: string,
    type: 'bool' | 'string',
    at: string,
    source: ValidationRule,
  ): CelProgram | undefined {
    const what = type === 'bool' ? '' : 'messageExpression ';
    const fail = (why: string) => {
      this.errors.push(invalid(at, { ...source } as Json, why));
      return undefined;
    };
    try {
      const program = environment.compile(expression);
      if (program.type === type || (type === 'string' && program.type === 'dyn')) return program;
      return fail(type === 'bool' ? 'cel expression must evaluate to a bool' : 'messageExpression must evaluate to a string');
    } catch (error) {
      if (!(error instanceof CelCompileError)) throw error;
      return fail(`${what}${error.message}`);
    }
  }
}
