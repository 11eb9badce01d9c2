// The kind DaemonSet of apps/v1.

import { type FieldError, invalid, required } from '../../apimachinery/field.js';
import { checkNonNegative, checkOneOf, sameJson } from '../checks.js';
import { formatLabelSelector, formatLabels, selectorColumn, templateColumns } from '../columns.js';
import { templateWarnings } from '../core/pod-warnings.js';
import { defaultPodSpec } from '../core/podspec-defaults.js';
import { validatePodTemplate } from '../core/podspec-validation.js';
import { type Column, defineKind, type Mutable } from '../define.js';
import type { DaemonSet, DaemonSetStatus, DaemonSetUpdateStrategy } from '../types/apps_v1.js';
import { checkIntOrPercent, isZero, validateSelector } from '../workload.js';

const REVISION_HISTORY = 10;
/** How often the template was changed: a field of earlier versions, which the annotation stands for. It is the server's to write. */
export const ANNOTATION_TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';

const count = (name: string, field: keyof DaemonSetStatus & `${string}umber${string}`, description: string): Column<DaemonSet> => ({
  name,
  type: 'integer',
  description,
  cell: ({ status }) => status[field] ?? 0,
});

export const daemonSets = defineKind<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  shortNames: ['ds'],
  categories: ['all'],
  namespaced: true,
  schema: 'apps.v1.DaemonSet',
  warnings: (set, old) => templateWarnings(set, old, 'spec.template', set.spec.template),
  columns: [
    count('Desired', 'desiredNumberScheduled', 'How many nodes should run its pod'),
    count('Current', 'currentNumberScheduled', 'How many of those nodes run it'),
    count('Ready', 'numberReady', 'How many of those pods are ready'),
    count('Up-to-date', 'updatedNumberScheduled', 'How many of those pods are of the present template'),
    count('Available', 'numberAvailable', 'How many of those pods have been ready for at least minReadySeconds'),
    {
      name: 'Node Selector',
      type: 'string',
      description: 'The labels that a node must have',
      cell: ({ spec }) => formatLabels(spec.template.spec.nodeSelector),
    },
    ...templateColumns<DaemonSet>(({ spec }) => spec.template),
    selectorColumn(({ spec }) => formatLabelSelector(spec.selector)),
  ],
  defaults,
  validate: (set, old) => [
    ...validateSelector('daemonset', set, old),
    ...validatePodTemplate('spec.template', set.spec.template, 'DaemonSet'),
    ...checkNonNegative('spec.minReadySeconds', set.spec.minReadySeconds),
    ...checkNonNegative('spec.revisionHistoryLimit', set.spec.revisionHistoryLimit),
    ...validateUpdateStrategy('spec.updateStrategy', set.spec.updateStrategy),
  ],
  prepareForCreate(set) {
    set.status = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
    setTemplateGeneration(set, Math.max(1, templateGeneration(set)));
  },
  prepareForUpdate(set, old) {
    const isChanged = !sameJson(set.spec.template, old.spec.template);
    setTemplateGeneration(set, Math.max(1, templateGeneration(old)) + Number(isChanged));
  },
  subresources: { status: true },
});

function templateGeneration({ metadata }: DaemonSet): number {
  const text = metadata.annotations?.[ANNOTATION_TEMPLATE_GENERATION] ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}

function setTemplateGeneration({ metadata }: Mutable<DaemonSet>, generation: number): void {
  metadata.annotations = { ...metadata.annotations, [ANNOTATION_TEMPLATE_GENERATION]: String(generation) };
}

function defaults({ spec }: Mutable<DaemonSet>): void {
  spec.revisionHistoryLimit ??= REVISION_HISTORY;
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ||= 'RollingUpdate';
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
  }
  defaultPodSpec(spec.template.spec);
}

function validateUpdateStrategy(at: string, { type, rollingUpdate }: DaemonSetUpdateStrategy): FieldError[] {
  const errors = checkOneOf(`${at}.type`, type, ['RollingUpdate', 'OnDelete']);
  if (type !== 'RollingUpdate' || !rollingUpdate) return errors;
  const { maxUnavailable, maxSurge } = rollingUpdate;
  errors.push(
    ...checkIntOrPercent(`${at}.rollingUpdate.maxUnavailable`, maxUnavailable, true),
    ...checkIntOrPercent(`${at}.rollingUpdate.maxSurge`, maxSurge, true),
  );
  if (isZero(maxUnavailable) && isZero(maxSurge)) {
    errors.push(required(`${at}.rollingUpdate.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  } else if (!isZero(maxUnavailable) && !isZero(maxSurge)) {
    errors.push(invalid(`${at}.rollingUpdate.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  }
  return errors;
}
