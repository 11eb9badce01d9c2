// checkRules: which rules an object breaks. What was wrong already and is as it was is let be, and all rules together have a budget.
import { isDeepStrictEqual } from 'node:util';
import { CelError, CostExceededError } from '../../cel/environment.js';
import { MAX_COST_PER_REQUEST } from '../../cel/meter.js';
import { duplicate, type FieldError, forbidden, invalid, required } from '../../field.js';
import { isJsonObject, type Json, type JsonObject } from '../../json.js';
import { oldItems, oldMember } from '../correlate.js';
import type { JsonSchema, ValidationRule } from '../schema.js';
import type { Rule, RuleNode } from './compile.js';

/** `old` is the object before an update, `at` the path of the value. */
export function checkRules(root: RuleNode, value: Json, old: Json | undefined, at = ''): readonly FieldError[] {
  const check = new Check();
  check.node(root, { value, old, at, unchanged: false });
  return check.errors;
}

interface Place {
  readonly value: Json;
  readonly old: Json | undefined;
  readonly at: string;
  /** It, or what it stands in, is as it was. */
  readonly unchanged: boolean;
}

class Check {
  readonly errors: FieldError[] = [];
  #left = MAX_COST_PER_REQUEST;
  #stopped = false;

  node(node: RuleNode, place: Place): void {
    if (place.value === null || this.#stopped) return;
    const unchanged = place.unchanged || (place.old !== undefined && isDeepStrictEqual(place.value, place.old));
    const here = { ...place, unchanged };
    if (node.rules.length > 0) this.#rules(node, here);
    if (Array.isArray(place.value)) this.#list(node, place.value, here);
    else if (isJsonObject(place.value)) this.#object(node, place.value, here);
  }

  #list({ schema, items }: RuleNode, list: readonly Json[], { old, at, unchanged }: Place): void {
    if (!items) return;
    const before = oldItems(schema, list, old);
    for (const [i, value] of list.entries()) this.node(items, { value, old: before?.[i], at: `${at}[${i}]`, unchanged });
  }

  #object({ schema, properties, values }: RuleNode, object: JsonObject, { old, at, unchanged }: Place): void {
    for (const [name, value] of Object.entries(object)) {
      const property = properties.get(name);
      const node = property ?? values;
      if (!node || value === undefined) continue;
      const path = property ? (at ? `${at}.${name}` : name) : `${at}[${name}]`;
      this.node(node, { value, old: oldMember(schema, old, name), at: path, unchanged });
    }
  }

  #rules({ rules, schema, type }: RuleNode, place: Place): void {
    const self = type!.toCel(place.value);
    const oldSelf = place.old === undefined || place.old === null ? undefined : type!.toCel(place.old);
    for (const rule of rules) {
      if (this.#stopped) return;
      const optional = rule.source.optionalOldSelf === true;
      if (rule.usesOldSelf && oldSelf === undefined && !optional) continue;
      this.#rule(rule, schema, place, { self, oldSelf: optional ? type!.optional(oldSelf) : oldSelf });
    }
  }

  #rule(rule: Rule, schema: JsonSchema, place: Place, variables: { readonly [name: string]: unknown }): void {
    try {
      const { value, cost } = rule.program.evaluate(variables, this.#left);
      this.#left -= cost;
      if (value === true || (place.unchanged && !rule.usesOldSelf)) return;
      const at = pathOf(place, rule.fieldPath);
      this.errors.push(failure(rule.source, at, place.value, schema, this.#message(rule, variables)));
    } catch (error) {
      this.#failed(rule.source, schema, place, error);
    }
  }

  /** As upstream: an expression that gives no message, or none of one line, leaves it to the fixed one. */
  #message({ message, source }: Rule, variables: { readonly [name: string]: unknown }): string {
    const fixed = source.message || `failed rule: ${source.rule.trim()}`;
    if (!message) return fixed;
    try {
      const { value, cost } = message.evaluate(variables, this.#left);
      this.#left -= cost;
      const text = typeof value === 'string' ? value.trim() : '';
      return text === '' || /[\r\n]/.test(text) ? fixed : text;
    } catch (error) {
      if (error instanceof CelError) return fixed;
      throw error;
    }
  }

  #failed(source: ValidationRule, schema: JsonSchema, place: Place, error: unknown): void {
    const add = (why: string) => this.errors.push(invalid(pathOf(place), schema.type ?? '', why));
    const rule = ruleText(source);
    if (error instanceof CostExceededError) {
      this.#stopped = true;
      add(`'${error.message}': no further validation rules will be run due to call cost exceeds limit for rule: ${rule}`);
    } else if (!(error instanceof CelError)) throw error;
    else if (error.message.startsWith('no such overload')) {
      add(`'${error.message}': call arguments did not match a supported operator, function or macro signature for rule: ${rule}`);
    } else add(`${error.message} evaluating rule: ${rule}`);
  }
}

const pathOf = ({ at }: Place, below = '') => (at === '' ? below.slice(1) || '<nil>' : at + below);

const ruleText = ({ rule, message }: ValidationRule) => message || rule;

function failure({ reason }: ValidationRule, at: string, value: Json, { type }: JsonSchema, detail: string): FieldError {
  const compound = type === 'object' || type === 'array';
  switch (reason) {
    case 'FieldValueForbidden':
      return forbidden(at, detail);
    case 'FieldValueRequired':
      return required(at, detail);
    case 'FieldValueDuplicate':
      return compound ? { reason, field: at, message: 'Duplicate value' } : duplicate(at, value);
    default:
      // Upstream leaves out values that may be as long as the whole object.
      return compound ? { reason: 'FieldValueInvalid', field: at, message: `Invalid value: ${detail}` } : invalid(at, value, detail);
  }
}
