// Match conditions of webhooks and policies: their names. Whether their expressions compile is checked where CEL is at hand.
import { duplicate, type FieldError, required, tooMany } from '../../apimachinery/field.js';
import { isQualifiedName } from '../../apimachinery/names.js';
import { invalids } from '../checks.js';
import type { MatchCondition } from '../types/admissionregistration_v1.js';

/** Upstream's: each costs an evaluation at every request that matches. */
const MAX_CONDITIONS = 64;

export function validateMatchConditions(at: string, conditions: readonly MatchCondition[] = []): FieldError[] {
  const names = conditions.map(({ name }) => name);
  return [
    ...(conditions.length > MAX_CONDITIONS ? [tooMany(at, conditions.length, MAX_CONDITIONS)] : []),
    ...conditions.flatMap(({ name, expression }, i) => [
      ...(expression?.trim() ? [] : [required(`${at}[${i}].expression`)]),
      ...(name ? invalids(`${at}[${i}].name`, name, isQualifiedName(name)) : [required(`${at}[${i}].name`)]),
      ...(name && names.indexOf(name) < i ? [duplicate(`${at}[${i}].name`, name)] : []),
    ]),
  ];
}
