// The kind ReplicaSet of apps/v1.

import { checkNonNegative } from '../checks.js';
import { formatLabelSelector, selectorColumn, templateColumns } from '../columns.js';
import { workloadWarnings } from '../core/pod-warnings.js';
import { defaultPodSpec } from '../core/podspec-defaults.js';
import { validatePodTemplate } from '../core/podspec-validation.js';
import { replicaColumns } from '../core/replica-columns.js';
import { defineKind } from '../define.js';
import type { ReplicaSet } from '../types/apps_v1.js';
import { scaleOf, validateSelector } from '../workload.js';

export const replicaSets = defineKind<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  shortNames: ['rs'],
  categories: ['all'],
  namespaced: true,
  schema: 'apps.v1.ReplicaSet',
  warnings: workloadWarnings,
  columns: [
    ...replicaColumns<ReplicaSet>(),
    ...templateColumns<ReplicaSet>(({ spec }) => spec.template),
    selectorColumn(({ spec }) => formatLabelSelector(spec.selector)),
  ],
  defaults({ spec }) {
    spec.replicas ??= 1;
    defaultPodSpec(spec.template.spec);
  },
  validate: (set, old) => [
    ...checkNonNegative('spec.replicas', set.spec.replicas),
    ...checkNonNegative('spec.minReadySeconds', set.spec.minReadySeconds),
    ...validateSelector('replicaset', set, old),
    ...validatePodTemplate('spec.template', set.spec.template),
  ],
  prepareForCreate(set) {
    set.status = { replicas: 0 };
  },
  selectableFields: { 'status.replicas': ({ status }) => String(status.replicas ?? 0) },
  subresources: { status: true, scale: scaleOf<ReplicaSet>() },
});
