// The kind ReplicationController of v1.

import { type FieldError, required } from '../../apimachinery/field.js';
import { selectorOfMap } from '../../apimachinery/labels.js';
import { checkNonNegative } from '../checks.js';
import { formatLabels, selectorColumn, templateColumns } from '../columns.js';
import { defineKind, type Mutable } from '../define.js';
import type { ReplicationController } from '../types/core_v1.js';
import { checkMatches } from '../workload.js';
import { workloadWarnings } from './pod-warnings.js';
import { defaultPodSpec } from './podspec-defaults.js';
import { validatePodTemplate } from './podspec-validation.js';
import { replicaColumns } from './replica-columns.js';

export const replicationControllers = defineKind<ReplicationController>({
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  shortNames: ['rc'],
  categories: ['all'],
  namespaced: true,
  schema: 'core.v1.ReplicationController',
  warnings: workloadWarnings,
  columns: [
    ...replicaColumns<ReplicationController>(),
    ...templateColumns<ReplicationController>(({ spec }) => spec.template),
    selectorColumn(({ spec }) => formatLabels(spec.selector)),
  ],
  defaults,
  validate: ({ spec }) => validate(spec),
  prepareForCreate(controller) {
    controller.status = { replicas: 0 };
  },
  selectableFields: { 'status.replicas': ({ status }) => String(status.replicas ?? 0) },
  subresources: {
    status: true,
    scale: {
      get: ({ spec, status }) => ({
        specReplicas: spec.replicas ?? 0,
        statusReplicas: status.replicas ?? 0,
        selector: selectorOfMap(spec.selector).toString(),
      }),
      set: ({ spec }, replicas) => {
        spec.replicas = replicas;
      },
    },
  },
});

/** The older kind takes its selector, and its own labels, from the template's labels. */
function defaults(controller: Mutable<ReplicationController>): void {
  const { metadata, spec } = controller;
  const labels = spec.template?.metadata?.labels;
  if (labels && Object.keys(labels).length > 0) {
    if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
    if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
  }
  spec.replicas ??= 1;
  if (spec.template) defaultPodSpec(spec.template.spec);
}

function validate({ replicas, minReadySeconds, selector, template }: ReplicationController['spec']): readonly FieldError[] {
  const errors = [...checkNonNegative('spec.minReadySeconds', minReadySeconds), ...checkNonNegative('spec.replicas', replicas)];
  if (Object.keys(selector ?? {}).length === 0) errors.push(required('spec.selector'));
  if (!template) return [...errors, required('spec.template')];
  if (selector) errors.push(...checkMatches(template, selectorOfMap(selector).matches(template.metadata?.labels)));
  return [...errors, ...validatePodTemplate('spec.template', template, 'ReplicationController')];
}
