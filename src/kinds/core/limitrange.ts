// The kind LimitRange of v1.
import { duplicate, type FieldError, forbidden, invalid, required } from '../../apimachinery/field.js';
import { checkNonNegativeQuantity, readQuantity } from '../checks.js';
import { nameColumn } from '../columns.js';
import { type Column, defineKind } from '../define.js';
import type { LimitRange, LimitRangeItem } from '../types/core_v1.js';

const BOUNDS = ['max', 'min', 'default', 'defaultRequest'] as const;
/** Each may not be more than the next, so far as they are given. */
const ORDER = ['min', 'defaultRequest', 'default', 'max'] as const;

const columns: readonly Column<LimitRange>[] = [
  nameColumn,
  { name: 'Created At', type: 'date', description: 'When it was created', cell: ({ metadata }) => metadata.creationTimestamp },
];

export const limitRanges = defineKind<LimitRange>({
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  shortNames: ['limits'],
  namespaced: true,
  schema: 'core.v1.LimitRange',
  allowCreateOnUpdate: true,
  columns,
  defaults({ spec }) {
    for (const item of spec.limits ?? []) if (item.type === 'Container') defaultItem(item);
  },
  validate: ({ spec }) => {
    const limits = spec.limits ?? [];
    const types = limits.map(({ type }) => type);
    return limits.flatMap((item, i) => [
      ...validateItem(`spec.limits[${i}]`, item),
      ...(types.indexOf(item.type) < i ? [duplicate(`spec.limits[${i}].type`, item.type)] : []),
    ]);
  },
});

type Quantities = { [resource: string]: string | number };

/** A maximum is the default limit, and a default limit the default request. */
function defaultItem(item: { max?: Quantities; min?: Quantities; default?: Quantities; defaultRequest?: Quantities }): void {
  if (item.max) item.default = { ...item.max, ...item.default };
  const requests = { ...item.min, ...item.default, ...item.defaultRequest };
  if (Object.keys(requests).length > 0) item.defaultRequest = requests;
}

function validateItem(at: string, item: LimitRangeItem): FieldError[] {
  const errors: FieldError[] = item.type ? [] : [required(`${at}.type`)];
  for (const bound of BOUNDS) {
    for (const [resource, quantity] of Object.entries(item[bound] ?? {})) {
      errors.push(...checkNonNegativeQuantity(`${at}.${bound}[${resource}]`, quantity));
    }
  }
  if (item.type === 'Pod') {
    if (item.default) errors.push(forbidden(`${at}.default`, "may not be specified when `type` is 'Pod'"));
    if (item.defaultRequest) errors.push(forbidden(`${at}.defaultRequest`, "may not be specified when `type` is 'Pod'"));
  }
  return errors.length > 0 ? errors : validateOrder(at, item);
}

function validateOrder(at: string, item: LimitRangeItem): FieldError[] {
  const errors: FieldError[] = [];
  const resources = new Set(BOUNDS.flatMap((bound) => Object.keys(item[bound] ?? {})));
  for (const resource of resources) {
    const given = ORDER.filter((bound) => item[bound]?.[resource] !== undefined);
    for (const [i, upper] of given.entries()) {
      const lower = given[i - 1];
      if (lower === undefined) continue;
      const [low, high] = [item[lower]?.[resource] ?? 0, item[upper]?.[resource] ?? 0];
      const field = `${at}.${lower}[${resource}]`;
      if (readQuantity(field, low).value > readQuantity(field, high).value) {
        errors.push(invalid(field, String(low), `${lower} value ${low} is greater than ${upper} value ${high}`));
      }
    }
  }
  return errors;
}
