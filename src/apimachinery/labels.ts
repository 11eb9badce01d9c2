// Label selectors: the text form of `kubectl -l`, the LabelSelector of workloads and the plain map of Services.
import { type FieldError, forbidden, invalid, required } from './field.js';
import { isInteger, type Operator, parseRequirements, type Requirement } from './label-parser.js';
import { isLabelValue, isQualifiedName } from './names.js';
import type { LabelSelector } from './types/meta_v1.js';

export type Labels = { readonly [key: string]: string };

export interface Selector {
  matches(labels: Labels | undefined): boolean;
  /** It has no requirement and so matches everything. */
  readonly empty: boolean;
  /** The text form, keys sorted, as `status.selector` of a Scale has it. */
  toString(): string;
}

export const SELECT_EVERYTHING: Selector = { matches: () => true, empty: true, toString: () => '' };
export const SELECT_NOTHING: Selector = { matches: () => false, empty: false, toString: () => '' };

/** Parses `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`; the empty text selects everything. Throws StatusError 400. */
export function parseSelector(text: string): Selector {
  return selectorFrom(parseRequirements(text));
}

const OPERATORS: { readonly [name: string]: Operator } = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' };

/** A workload's selector: undefined selects nothing, `{}` everything. An operator that validation would refuse selects nothing. */
export function selectorOf(selector: LabelSelector | undefined): Selector {
  if (!selector) return SELECT_NOTHING;
  const requirements: Requirement[] = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({ key, op: '=', values: [value] }));
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    const op = OPERATORS[operator];
    if (!op) return SELECT_NOTHING;
    requirements.push({ key, op, values });
  }
  return selectorFrom(requirements);
}

/** A Service's or ReplicationController's selector: all labels must match; without any it selects nothing. */
export function selectorOfMap(map: Labels | undefined): Selector {
  const entries = Object.entries(map ?? {});
  if (entries.length === 0) return SELECT_NOTHING;
  return selectorFrom(entries.map(([key, value]) => ({ key, op: '=', values: [value] })));
}

/** What is wrong with a LabelSelector at `path`. */
export function validateLabelSelector(selector: LabelSelector | undefined, path: string): readonly FieldError[] {
  if (!selector) return [];
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    errors.push(...isQualifiedName(key).map((m) => invalid(`${path}.matchLabels`, key, m)));
    errors.push(...isLabelValue(value).map((m) => invalid(`${path}.matchLabels`, value, m)));
  }
  (selector.matchExpressions ?? []).forEach(({ key, operator, values = [] }, i) => {
    const at = `${path}.matchExpressions[${i}]`;
    const takesValues = operator === 'In' || operator === 'NotIn';
    if (!OPERATORS[operator]) errors.push(invalid(`${at}.operator`, operator, 'not a valid selector operator'));
    else if (takesValues && values.length === 0)
      errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    else if (!takesValues && values.length > 0) {
      errors.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    }
    errors.push(...isQualifiedName(key).map((m) => invalid(`${at}.key`, key, m)));
    values.forEach((value, j) => {
      errors.push(...isLabelValue(value).map((m) => invalid(`${at}.values[${j}]`, value, m)));
    });
  });
  return errors;
}

function selectorFrom(requirements: readonly Requirement[]): Selector {
  if (requirements.length === 0) return SELECT_EVERYTHING;
  const sorted = [...requirements].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return {
    matches: (labels = {}) => sorted.every((requirement) => satisfies(requirement, labels)),
    empty: false,
    toString: () => sorted.map(textOf).join(','),
  };
}

function satisfies({ key, op, values }: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (op) {
    case '=':
    case 'in':
      return value !== undefined && values.includes(value);
    case '!=':
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'gt':
      return isInteger(value) && Number(value) > Number(values[0]);
    case 'lt':
      return isInteger(value) && Number(value) < Number(values[0]);
  }
}

function textOf({ key, op, values }: Requirement): string {
  switch (op) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${op} (${[...values].sort().join(',')})`;
    default:
      return `${key}${op === 'gt' ? '>' : op === 'lt' ? '<' : op}${values[0]}`;
  }
}
