// The kind RuntimeClass of node.k8s.io/v1.

import { duplicate, type FieldError } from '../../apimachinery/field.js';
import type { Json } from '../../apimachinery/json.js';
import { isDns1123Label } from '../../apimachinery/names.js';
import { checkImmutable, invalids } from '../checks.js';
import { column } from '../columns.js';
import { nodeLabelWarnings } from '../core/pod-warnings.js';
import { validateResources } from '../core/resources-validation.js';
import { validateToleration } from '../core/scheduling-validation.js';
import { defineKind } from '../define.js';
import type { RuntimeClass, Scheduling } from '../types/node_v1.js';
import { validateLabels } from '../validation.js';

export const runtimeClasses = defineKind<RuntimeClass>({
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  namespaced: false,
  schema: 'node.v1.RuntimeClass',
  warnings: ({ scheduling }) => nodeLabelWarnings('scheduling.nodeSelector', scheduling?.nodeSelector),
  columns: [column('Handler', 'string', 'What the container runtime calls it', ({ handler }) => handler)],
  defaults({ scheduling }) {
    for (const toleration of scheduling?.tolerations ?? []) if (toleration.key) toleration.operator ||= 'Equal';
  },
  validate: ({ handler, overhead, scheduling }, old) => {
    if (old) return checkImmutable('handler', handler, old.handler);
    return [
      ...invalids('handler', handler, isDns1123Label(handler)),
      ...(overhead ? validateResources('overhead', { limits: overhead.podFixed ?? {} }) : []),
      ...(scheduling ? validateScheduling('scheduling', scheduling) : []),
    ];
  },
});

function validateScheduling(at: string, { nodeSelector, tolerations = [] }: Scheduling): FieldError[] {
  const seen = new Set<string>();
  const errors = validateLabels(`${at}.nodeSelector`, nodeSelector);
  for (const [i, toleration] of tolerations.entries()) {
    const { key, operator, value, effect } = toleration;
    const identity = JSON.stringify([key, operator, value, effect]);
    errors.push(...validateToleration(`${at}.tolerations[${i}]`, toleration));
    if (seen.has(identity)) errors.push(duplicate(`${at}.tolerations[${i}]`, toleration as unknown as Json));
    seen.add(identity);
  }
  return errors;
}
