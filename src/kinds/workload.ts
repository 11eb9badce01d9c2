// What the kinds that keep pods from a template share: selector against template, scale, percentages of replicas.
import { type FieldError, invalid, required } from '../apimachinery/field.js';
import type { Json } from '../apimachinery/json.js';
import { selectorOf, validateLabelSelector } from '../apimachinery/labels.js';
import type { LabelSelector } from '../apimachinery/types/meta_v1.js';
import { checkImmutable } from './checks.js';
import type { ScaleSubresource } from './define.js';
import type { PodTemplateSpec } from './types/core_v1.js';

interface Workload {
  readonly spec: { readonly selector?: LabelSelector; readonly template: PodTemplateSpec };
}

/** The selector is there, selects something, selects the template's own pods, and stays: pods would be orphaned otherwise. */
export function validateSelector(kind: string, { spec }: Workload, old: Workload | undefined): FieldError[] {
  const { selector, template } = spec;
  if (!selector) return [required('spec.selector')];
  const errors = [...validateLabelSelector(selector, 'spec.selector')];
  const value = selector as unknown as Json;
  const parsed = selectorOf(selector);
  if (parsed.empty) errors.push(invalid('spec.selector', value, `empty selector is invalid for ${kind}`));
  else if (errors.length === 0) errors.push(...checkMatches(template, parsed.matches(template.metadata?.labels)));
  if (old) errors.push(...checkImmutable('spec.selector', selector, old.spec.selector));
  return errors;
}

export function checkMatches(template: PodTemplateSpec, matches: boolean): FieldError[] {
  const labels = template.metadata?.labels ?? {};
  return matches ? [] : [invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`')];
}

interface Scalable extends Workload {
  readonly spec: Workload['spec'] & { readonly replicas?: number };
  readonly status: { readonly replicas?: number };
}

/** autoscaling/v1 Scale of a kind with a label selector. */
export function scaleOf<T extends Scalable>(): ScaleSubresource<T> {
  return {
    get: ({ spec, status }) => ({
      specReplicas: spec.replicas ?? 0,
      statusReplicas: status.replicas ?? 0,
      selector: selectorOf(spec.selector).toString(),
    }),
    set: (object, replicas) => {
      (object.spec as { replicas?: number }).replicas = replicas;
    },
  };
}

const PERCENT = /^[0-9]+%$/;

/** A number of pods or a percentage of them, as in `maxSurge`; with `max100` a percentage of at most 100. */
export function checkIntOrPercent(field: string, value: number | string | undefined, max100: boolean): FieldError[] {
  if (value === undefined) return [];
  if (typeof value === 'number') return value < 0 ? [invalid(field, value, 'must be greater than or equal to 0')] : [];
  if (!PERCENT.test(value)) {
    const why = "a valid percent string must be a numeric string followed by an ending '%'";
    return [invalid(field, value, `${why} (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`)];
  }
  return max100 && Number.parseInt(value, 10) > 100 ? [invalid(field, value, 'must not be greater than 100%')] : [];
}

/** 0 or `0%`. */
export const isZero = (value: number | string | undefined): boolean => value === undefined || Number.parseInt(String(value), 10) === 0;
