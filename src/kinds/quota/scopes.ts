// Quota scopes: whether a ResourceQuota is about an object at all.
import type { KubeObject } from '../../apimachinery/object.js';
import { persistentVolumeClaims } from '../core/persistentvolumeclaim.js';
import { pods } from '../core/pod.js';
import { qosClassOf } from '../core/pod-qos.js';
import type { AnyKind } from '../define.js';
import type { PersistentVolumeClaim, Pod, PodAffinityTerm, ResourceQuota, ScopedResourceSelectorRequirement } from '../types/core_v1.js';

type Requirement = Pick<ScopedResourceSelectorRequirement, 'scopeName' | 'operator' | 'values'>;

/** All scopes of a quota, those of `spec.scopes` as requirements that the scope applies. */
export function requirementsOf({ spec }: ResourceQuota): readonly Requirement[] {
  const plain = (spec.scopes ?? []).map((scopeName): Requirement => ({ scopeName, operator: 'Exists' }));
  return [...plain, ...(spec.scopeSelector?.matchExpressions ?? [])];
}

/** A quota with scopes is about pods (and, by volume attributes class, volume claims) only. */
export function isInScope(quota: ResourceQuota, kind: AnyKind, object: KubeObject): boolean {
  const requirements = requirementsOf(quota);
  if (requirements.length === 0) return true;
  if (kind === pods) return requirements.every((each) => podMatches(object as Pod, each));
  if (kind === persistentVolumeClaims) return requirements.every((each) => claimMatches(object as PersistentVolumeClaim, each));
  return false;
}

function podMatches(pod: Pod, requirement: Requirement): boolean {
  const { spec } = pod;
  switch (requirement.scopeName) {
    case 'Terminating':
      return (spec.activeDeadlineSeconds ?? -1) >= 0;
    case 'NotTerminating':
      return spec.activeDeadlineSeconds === undefined;
    case 'BestEffort':
      return qosClassOf(spec) === 'BestEffort';
    case 'NotBestEffort':
      return qosClassOf(spec) !== 'BestEffort';
    case 'PriorityClass':
      return matchesValue(requirement, spec.priorityClassName || undefined);
    case 'CrossNamespacePodAffinity':
      return crossesNamespaces(pod);
    default:
      return false;
  }
}

function claimMatches({ spec }: PersistentVolumeClaim, requirement: Requirement): boolean {
  return requirement.scopeName === 'VolumeAttributesClass' && matchesValue(requirement, spec.volumeAttributesClassName || undefined);
}

function matchesValue({ operator, values = [] }: Requirement, value: string | undefined): boolean {
  switch (operator) {
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    default:
      return false;
  }
}

function crossesNamespaces({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  const required = [podAffinity, podAntiAffinity].flatMap((each) => each?.requiredDuringSchedulingIgnoredDuringExecution ?? []);
  const preferred = [podAffinity, podAntiAffinity].flatMap((each) => each?.preferredDuringSchedulingIgnoredDuringExecution ?? []);
  const terms: readonly PodAffinityTerm[] = [...required, ...preferred.map(({ podAffinityTerm }) => podAffinityTerm)];
  return terms.some(({ namespaces, namespaceSelector }) => (namespaces?.length ?? 0) > 0 || namespaceSelector !== undefined);
}
