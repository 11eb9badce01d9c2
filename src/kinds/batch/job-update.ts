// What of a Job's spec may change: how many pods at once, whether it waits, and where its pods go while none has been made.
import { type FieldError, invalid } from '../../apimachinery/field.js';
import type { Json } from '../../apimachinery/json.js';
import { checkImmutable, sameJson } from '../checks.js';
import type { Job } from '../types/batch_v1.js';
import type { PodTemplateSpec } from '../types/core_v1.js';
import { validateWholeSpec } from './job-validation.js';

const IMMUTABLE = ['completionMode', 'podFailurePolicy', 'backoffLimitPerIndex', 'managedBy', 'successPolicy'] as const;

export function validateJobUpdate({ spec }: Job, old: Job): FieldError[] {
  return [
    ...validateWholeSpec(spec),
    ...validateCompletions(spec, old),
    ...checkImmutable('spec.selector', spec.selector, old.spec.selector),
    ...checkImmutable('spec.template', fixedOf(spec.template, old), fixedOf(old.spec.template, old)),
    ...IMMUTABLE.flatMap((part) => checkImmutable(`spec.${part}`, spec[part], old.spec[part])),
  ];
}

/** An indexed Job can grow and shrink by running as many pods at once as it has indexes. */
function validateCompletions({ completions, completionMode, parallelism }: Job['spec'], old: Job): FieldError[] {
  if (completionMode !== 'Indexed') return checkImmutable('spec.completions', completions, old.spec.completions);
  if (sameJson(completions, old.spec.completions) || completions === undefined || completions === parallelism) return [];
  return [invalid('spec.completions', completions, 'can only be modified in tandem with spec.parallelism')];
}

/** The template without what may change. A Job that waits and never started has no pod yet that would differ. */
function fixedOf(template: PodTemplateSpec, old: Job): Json {
  if (!old.spec.suspend || old.status.startTime !== undefined) return template as unknown as Json;
  const { labels: _labels, annotations: _annotations, ...metadata } = template.metadata ?? {};
  const { affinity, nodeSelector: _nodes, tolerations: _tolerations, schedulingGates: _gates, ...spec } = template.spec;
  const { nodeAffinity: _nodeAffinity, ...between } = affinity ?? {};
  return { metadata, spec: { ...spec, affinity: between } } as unknown as Json;
}
