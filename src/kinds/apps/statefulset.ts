// The kind StatefulSet of apps/v1.

import { type FieldError, forbidden } from '../../apimachinery/field.js';
import { checkNonNegative, checkOneOf, sameJson } from '../checks.js';
import { templateColumns } from '../columns.js';
import { workloadWarnings } from '../core/pod-warnings.js';
import { defaultPodSpec } from '../core/podspec-defaults.js';
import { validatePodTemplate } from '../core/podspec-validation.js';
import { defineKind, type Mutable } from '../define.js';
import type { StatefulSet } from '../types/apps_v1.js';
import { scaleOf, validateSelector } from '../workload.js';

const REVISION_HISTORY = 10;
const MUTABLE_SPEC = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
];

export const statefulSets = defineKind<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  shortNames: ['sts'],
  categories: ['all'],
  namespaced: true,
  schema: 'apps.v1.StatefulSet',
  warnings: workloadWarnings,
  columns: [
    {
      name: 'Ready',
      type: 'string',
      description: 'How many of its pods are ready, of how many',
      cell: ({ spec, status }) => `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    },
    ...templateColumns<StatefulSet>(({ spec }) => spec.template),
  ],
  defaults,
  validate: (set, old) => [
    ...(old ? validateUpdate(set, old) : []),
    ...validateSelector('statefulset', set, undefined),
    ...checkNonNegative('spec.replicas', set.spec.replicas),
    ...checkNonNegative('spec.minReadySeconds', set.spec.minReadySeconds),
    ...checkOneOf('spec.podManagementPolicy', set.spec.podManagementPolicy, ['OrderedReady', 'Parallel']),
    ...checkOneOf('spec.updateStrategy.type', set.spec.updateStrategy.type, ['RollingUpdate', 'OnDelete']),
    ...checkNonNegative('spec.updateStrategy.rollingUpdate.partition', set.spec.updateStrategy.rollingUpdate?.partition),
    ...validatePodTemplate('spec.template', set.spec.template),
  ],
  prepareForCreate(set) {
    set.status = { replicas: 0, availableReplicas: 0 };
  },
  subresources: { status: true, scale: scaleOf<StatefulSet>() },
});

function defaults({ spec }: Mutable<StatefulSet>): void {
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= REVISION_HISTORY;
  spec.podManagementPolicy ||= 'OrderedReady';
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ||= 'RollingUpdate';
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.partition ??= 0;
  }
  const retention = (spec.persistentVolumeClaimRetentionPolicy ??= {});
  retention.whenDeleted ||= 'Retain';
  retention.whenScaled ||= 'Retain';
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.spec.volumeMode ??= 'Filesystem';
    claim.status ??= {};
    claim.status.phase ||= 'Pending';
  }
  defaultPodSpec(spec.template.spec);
}

/** What a running set was made with, claims and names above all, cannot be changed under it. */
function validateUpdate({ spec }: StatefulSet, { spec: old }: StatefulSet): FieldError[] {
  const fields = new Set([...Object.keys(spec), ...Object.keys(old)]) as Set<keyof StatefulSet['spec']>;
  const changed = [...fields].some((field) => !MUTABLE_SPEC.includes(field) && !sameJson(spec[field], old[field]));
  const allowed = MUTABLE_SPEC.map((field) => `'${field}'`);
  const list = `${allowed.slice(0, -1).join(', ')} and ${allowed.at(-1)}`;
  return changed ? [forbidden('spec', `updates to statefulset spec for fields other than ${list} are forbidden`)] : [];
}
