// The kind Deployment of apps/v1.

import { isDeepStrictEqual } from 'node:util';
import { type FieldError, forbidden, invalid } from '../../apimachinery/field.js';
import { checkNonNegative, checkOneOf } from '../checks.js';
import { formatLabelSelector, selectorColumn, templateColumns } from '../columns.js';
import { workloadWarnings } from '../core/pod-warnings.js';
import { defaultPodSpec } from '../core/podspec-defaults.js';
import { validatePodTemplate } from '../core/podspec-validation.js';
import { defineKind, type Mutable } from '../define.js';
import type { Deployment, DeploymentStrategy } from '../types/apps_v1.js';
import { checkIntOrPercent, isZero, scaleOf, validateSelector } from '../workload.js';

const PROGRESS_DEADLINE_s = 600;
const REVISION_HISTORY = 10;
/** A quarter more and a quarter fewer pods than asked for while rolling. */
const ROLLING = '25%';

export const deployments = defineKind<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  shortNames: ['deploy'],
  categories: ['all'],
  namespaced: true,
  schema: 'apps.v1.Deployment',
  warnings: workloadWarnings,
  columns: [
    {
      name: 'Ready',
      type: 'string',
      description: 'How many of its pods are ready, of how many',
      cell: ({ spec, status }) => `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    },
    {
      name: 'Up-to-date',
      type: 'integer',
      description: 'How many of its pods are of the present template',
      cell: ({ status }) => status.updatedReplicas ?? 0,
    },
    {
      name: 'Available',
      type: 'integer',
      description: 'How many of its pods have been ready for at least minReadySeconds',
      cell: ({ status }) => status.availableReplicas ?? 0,
    },
    ...templateColumns<Deployment>(({ spec }) => spec.template),
    selectorColumn(({ spec }) => formatLabelSelector(spec.selector)),
  ],
  defaults,
  validate,
  prepareForCreate(deployment) {
    deployment.status = {};
  },
  prepareForUpdate({ metadata }, old) {
    // Replica sets get a Deployment's annotations, so a change of them is something to act on.
    const changed = !isDeepStrictEqual(metadata.annotations ?? {}, old.metadata.annotations ?? {});
    if (changed) metadata.generation = (old.metadata.generation ?? 0) + 1;
  },
  statusKeeps: ['labels'],
  subresources: { status: true, scale: scaleOf<Deployment>() },
});

function defaults({ spec }: Mutable<Deployment>): void {
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= REVISION_HISTORY;
  spec.progressDeadlineSeconds ??= PROGRESS_DEADLINE_s;
  spec.strategy ??= {};
  spec.strategy.type ||= 'RollingUpdate';
  if (spec.strategy.type === 'RollingUpdate') {
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxUnavailable ??= ROLLING;
    spec.strategy.rollingUpdate.maxSurge ??= ROLLING;
  }
  defaultPodSpec(spec.template.spec);
}

function validate(deployment: Deployment, old: Deployment | undefined): readonly FieldError[] {
  const { spec } = deployment;
  const errors = [
    ...checkNonNegative('spec.replicas', spec.replicas),
    ...validateSelector('deployment', deployment, old),
    ...validatePodTemplate('spec.template', spec.template),
    ...validateStrategy('spec.strategy', spec.strategy),
    ...checkNonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...checkNonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
    ...checkNonNegative('spec.progressDeadlineSeconds', spec.progressDeadlineSeconds),
  ];
  if (spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds <= (spec.minReadySeconds ?? 0)) {
    errors.push(invalid('spec.progressDeadlineSeconds', spec.progressDeadlineSeconds, 'must be greater than minReadySeconds'));
  }
  return errors;
}

function validateStrategy(at: string, { type, rollingUpdate }: DeploymentStrategy): FieldError[] {
  const errors = checkOneOf(`${at}.type`, type, ['Recreate', 'RollingUpdate']);
  if (type === 'Recreate' && rollingUpdate) {
    errors.push(forbidden(`${at}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'"));
  }
  if (type !== 'RollingUpdate' || !rollingUpdate) return errors;
  const { maxUnavailable, maxSurge } = rollingUpdate;
  errors.push(
    ...checkIntOrPercent(`${at}.rollingUpdate.maxUnavailable`, maxUnavailable, true),
    ...checkIntOrPercent(`${at}.rollingUpdate.maxSurge`, maxSurge, false),
  );
  // With neither room above nor below, no pod could ever be replaced.
  if (errors.length === 0 && isZero(maxUnavailable) && isZero(maxSurge)) {
    errors.push(invalid(`${at}.rollingUpdate.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  return errors;
}
