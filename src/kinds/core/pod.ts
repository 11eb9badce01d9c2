// The kind Pod of v1.

import { type FieldError, forbidden } from '../../apimachinery/field.js';
import { defineKind } from '../define.js';
import type { Pod } from '../types/core_v1.js';
import { validateEphemeralContainers } from './ephemeral-containers.js';
import { podBinding } from './pod-binding.js';
import { podColumns } from './pod-columns.js';
import { qosClassOf } from './pod-qos.js';
import { validatePodResize } from './pod-resize.js';
import { validatePodUpdate } from './pod-update.js';
import { podWarnings } from './pod-warnings.js';
import { defaultPod } from './podspec-defaults.js';
import { validatePodSpec } from './podspec-validation.js';
import { isPodTerminal } from './podutil.js';

export const pods = defineKind<Pod>({
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  shortNames: ['po'],
  categories: ['all'],
  namespaced: true,
  schema: 'core.v1.Pod',
  warnings: podWarnings,
  columns: podColumns,
  defaults: defaultPod,
  validate(pod, old) {
    return old ? [...validatePodSpec('spec', pod.spec), ...validatePodUpdate(pod, old)] : validateNewPod(pod);
  },
  prepareForCreate(pod) {
    pod.status = { phase: 'Pending', qosClass: qosClassOf(pod.spec) };
  },
  gracePeriodSeconds,
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec.hostNetwork ?? false),
    'status.phase': ({ status }) => status.phase ?? '',
    'status.podIP': ({ status }) => status.podIP ?? status.podIPs?.[0]?.ip ?? '',
    'status.nominatedNodeName': ({ status }) => status.nominatedNodeName ?? '',
  },
  validateWritable: { ephemeralcontainers: validateEphemeralContainers, resize: validatePodResize },
  statusKeeps: ['ownerReferences'],
  returnDeletedObject: true,
  subresources: {
    status: true,
    writable: { ephemeralcontainers: ['spec.ephemeralContainers'], resize: ['spec.containers', 'spec.initContainers'] },
    actions: { binding: podBinding },
    connect: ['log', 'exec', 'attach', 'portforward', 'proxy'],
  },
});

function validateNewPod(pod: Pod): readonly FieldError[] {
  const errors = validatePodSpec('spec', pod.spec);
  if (pod.spec.ephemeralContainers?.length) errors.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'));
  if (pod.spec.schedulingGates?.length && pod.spec.nodeName) {
    errors.push(forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  }
  return errors;
}

/** A pod that no node runs, or that is over, has nobody to say goodbye to. */
function gracePeriodSeconds(pod: Pod, requested: number | undefined): number {
  if (!pod.spec.nodeName || isPodTerminal(pod)) return 0;
  const period = requested ?? pod.spec.terminationGracePeriodSeconds ?? 0;
  // Negative periods were once allowed in; as upstream, they mean at once but in order.
  return period < 0 ? 1 : period;
}
