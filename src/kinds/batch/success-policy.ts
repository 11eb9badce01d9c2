// A Job's successPolicy, and lists of indexes such as `0,3-5`: validation of both.
import { type FieldError, invalid, required, tooMany } from '../../apimachinery/field.js';
import { checkLength, checkNonNegative } from '../checks.js';
import type { JobSpec, SuccessPolicy, SuccessPolicyRule } from '../types/batch_v1.js';

const MAX_RULES = 20;
/** A list of indexes is text in the Job itself, which etcd must take. */
const MAX_INDEXES_bytes = 64 * 1024;

export function validateSuccessPolicy(at: string, { rules }: SuccessPolicy, spec: JobSpec): FieldError[] {
  if (spec.completionMode !== 'Indexed') return [invalid(at, { rules } as never, 'requires indexed completion mode')];
  const errors: FieldError[] = [];
  if (rules.length === 0) {
    errors.push(required(`${at}.rules`, 'at least one rules must be specified when the successPolicy is specified'));
  }
  if (rules.length > MAX_RULES) errors.push(tooMany(`${at}.rules`, rules.length, MAX_RULES));
  return [...errors, ...rules.flatMap((rule, i) => validateRule(`${at}.rules[${i}]`, rule, spec.completions ?? 0))];
}

function validateRule(
  at: string,
  { succeededIndexes: indexes, succeededCount: count }: SuccessPolicyRule,
  completions: number,
): FieldError[] {
  const errors: FieldError[] = [];
  if (count === undefined && indexes === undefined) {
    errors.push(required(at, 'at least one of succeededCount or succeededIndexes must be specified'));
  }
  let total = 0;
  if (indexes !== undefined) {
    errors.push(...checkLength(`${at}.succeededIndexes`, indexes, MAX_INDEXES_bytes));
    const parsed = parseIndexes(indexes, completions);
    if ('error' in parsed) errors.push(invalid(`${at}.succeededIndexes`, indexes, `error parsing succeededIndexes: ${parsed.error}`));
    else total = parsed.intervals.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  }
  if (count === undefined) return errors;
  const field = `${at}.succeededCount`;
  errors.push(...checkNonNegative(field, count));
  if (count > completions) {
    errors.push(invalid(field, count, `must be less than or equal to ${completions} (the number of specified completions)`));
  }
  if (indexes !== undefined && count > total) {
    const why = `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`;
    errors.push(invalid(field, count, why));
  }
  return errors;
}

/** First and last index. */
type Interval = readonly [number, number];

/** The intervals of `0,3-5`, or what is wrong with them, in upstream's words. */
export function parseIndexes(text: string, completions: number): { intervals: readonly Interval[] } | { error: string } {
  const intervals: Interval[] = [];
  if (text === '') return { intervals };
  let previous: number | undefined;
  for (const part of text.split(',')) {
    const ends = part.split('-');
    if (ends.length > 2) {
      const what = `the fragment ${JSON.stringify(part)} violates the requirement`;
      return { error: `${what} that an index interval can have at most two parts separated by '-'` };
    }
    for (const end of ends) {
      if (!/^[+-]?\d+$/.test(end)) return { error: `cannot convert string to integer for index: ${JSON.stringify(end)}` };
      if (Number(end) >= completions) return { error: `too large index: ${JSON.stringify(end)}` };
    }
    const [first, last = first] = ends.map(Number) as [number, number?];
    if (ends.length === 2 && first >= last) return { error: `non-increasing order, previous: ${first}, current: ${last}` };
    if (previous !== undefined && previous >= first) return { error: `non-increasing order, previous: ${previous}, current: ${first}` };
    intervals.push([first, last]);
    previous = last;
  }
  return { intervals };
}
