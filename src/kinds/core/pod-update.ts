// What an update may change of a pod: images, deadlines, and tolerations by adding; its containers run as they were started.
import { type FieldError, forbidden, invalid, required } from '../../apimachinery/field.js';
import { sameJson } from '../checks.js';
import type { Container, NodeSelectorTerm, Pod, PodSchedulingGate, PodSpec, Toleration } from '../types/core_v1.js';

const MAY_CHANGE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

export function validatePodUpdate({ spec }: Pod, { spec: old }: Pod): FieldError[] {
  if ((spec.containers ?? []).length !== old.containers.length) {
    return [forbidden('spec.containers', 'pod updates may not add or remove containers')];
  }
  if ((spec.initContainers ?? []).length !== (old.initContainers ?? []).length) {
    return [forbidden('spec.initContainers', 'pod updates may not add or remove containers')];
  }
  const errors = [...validateDeadline(spec, old), ...validateTolerations(spec.tolerations ?? [], old.tolerations ?? [])];
  for (const list of ['containers', 'initContainers'] as const) {
    for (const [i, { image }] of (spec[list] ?? []).entries()) if (!image) errors.push(required(`spec.${list}[${i}].image`));
  }
  errors.push(...validateGates(spec.schedulingGates ?? [], old.schedulingGates ?? []));
  const changed = changedFields(spec, old);
  if (changed.length > 0) errors.push(forbidden('spec', `${MAY_CHANGE}\nchanged: ${changed.join(', ')}`));
  return errors;
}

function validateDeadline(spec: PodSpec, old: PodSpec): FieldError[] {
  const field = 'spec.activeDeadlineSeconds';
  if (old.activeDeadlineSeconds === undefined) return [];
  if (spec.activeDeadlineSeconds === undefined) {
    return [invalid(field, undefined, 'must not update from a positive integer to nil value')];
  }
  return spec.activeDeadlineSeconds > old.activeDeadlineSeconds
    ? [invalid(field, spec.activeDeadlineSeconds, 'must be less than or equal to previous value')]
    : [];
}

/** Gates are opened one by one; none is added to a pod that has been made. */
function validateGates(gates: readonly PodSchedulingGate[], old: readonly PodSchedulingGate[]): FieldError[] {
  const fresh = gates.filter(({ name }) => !old.some((gate) => gate.name === name));
  return fresh.map(({ name }) => forbidden('spec.schedulingGates', `only deletion is allowed, but found new scheduling gate '${name}'`));
}

/** While a gate keeps it from being scheduled, where a pod may go can still be narrowed. */
function isNarrowed(spec: PodSpec, old: PodSpec): boolean {
  if (!old.schedulingGates?.length) return false;
  return Object.entries(old.nodeSelector ?? {}).every(([key, value]) => spec.nodeSelector?.[key] === value);
}

/** The taint controller counts on what a pod tolerated when it was placed. */
function validateTolerations(tolerations: readonly Toleration[], old: readonly Toleration[]): FieldError[] {
  const untimed = ({ tolerationSeconds: _, ...rest }: Toleration) => rest;
  const kept = old.every((known) => tolerations.some((toleration) => sameJson(untimed(toleration), untimed(known))));
  return kept ? [] : [forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')];
}

/** Paths of what differs besides the fields that may. */
function changedFields(spec: PodSpec, old: PodSpec): string[] {
  const fields = new Set([...Object.keys(spec), ...Object.keys(old)]) as Set<keyof PodSpec>;
  return [...fields].flatMap((field) => {
    if (field === 'activeDeadlineSeconds' || field === 'tolerations' || field === 'schedulingGates') return [];
    if (field === 'nodeSelector' && isNarrowed(spec, old)) return [];
    if (field === 'affinity' && isAffinityNarrowed(spec, old)) return [];
    if (field === 'containers' || field === 'initContainers') return changedContainers(field, spec[field] ?? [], old[field] ?? []);
    if (field === 'terminationGracePeriodSeconds' && (old[field] ?? 0) < 0 && spec[field] === 1) return [];
    return sameJson(spec[field], old[field]) ? [] : [`spec.${field}`];
  });
}

/** Node affinity may be added, and terms that are all required be made stricter. */
function isAffinityNarrowed(spec: PodSpec, old: PodSpec): boolean {
  if (!old.schedulingGates?.length) return false;
  const { nodeAffinity: node, ...rest } = spec.affinity ?? {};
  const { nodeAffinity: oldNode, ...oldRest } = old.affinity ?? {};
  if (!sameJson(rest, oldRest)) return false;
  const terms = node?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const oldTerms = oldNode?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  if (oldTerms.length === 0) return true;
  return terms.length === oldTerms.length && oldTerms.every((term, i) => isTermNarrowed(terms[i]!, term));
}

const isTermNarrowed = (term: NodeSelectorTerm, old: NodeSelectorTerm): boolean =>
  (['matchExpressions', 'matchFields'] as const).every((list) =>
    (old[list] ?? []).every((requirement) => (term[list] ?? []).some((each) => sameJson(each, requirement))),
  );

function changedContainers(list: string, containers: readonly Container[], old: readonly Container[]): string[] {
  return containers.flatMap((container, i) => {
    const before = (old[i] ?? {}) as Container;
    const fields = new Set([...Object.keys(container), ...Object.keys(before)]) as Set<keyof Container>;
    return [...fields]
      .filter((field) => field !== 'image' && !sameJson(container[field], before[field]))
      .map((field) => `spec.${list}[${i}].${field}`);
  });
}
