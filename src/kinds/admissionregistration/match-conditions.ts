// Match conditions of webhooks and policies: their names and expressions.
import { duplicate, type FieldError, required, tooMany } from '../../apimachinery/field.js';
import { isQualifiedName } from '../../apimachinery/names.js';
import { invalids } from '../checks.js';
import type { MatchCondition } from '../types/admissionregistration_v1.js';
import { type Declared, validateExpression } from './cel.js';

/** Upstream's: each costs an evaluation at every request that matches. */
const MAX_CONDITIONS = 64;

export function validateMatchConditions(at: string, conditions: readonly MatchCondition[] = [], declared: Declared = {}): FieldError[] {
  const names = conditions.map(({ name }) => name);
  return [
    ...(conditions.length > MAX_CONDITIONS ? [tooMany(at, conditions.length, MAX_CONDITIONS)] : []),
    ...conditions.flatMap(({ name, expression }, i) => [
      ...(expression?.trim()
        ? validateExpression(`${at}[${i}].expression`, expression.trim(), ['bool'], declared)
        : [required(`${at}[${i}].expression`)]),
      ...(name ? invalids(`${at}[${i}].name`, name, isQualifiedName(name)) : [required(`${at}[${i}].name`)]),
      ...(name && names.indexOf(name) < i ? [duplicate(`${at}[${i}].name`, name)] : []),
    ]),
  ];
}
