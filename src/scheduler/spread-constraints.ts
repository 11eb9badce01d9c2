// Which pods are to be spread over which topology: a pod's own constraints, or the system's defaults for its owner and Services.
import { selectorOf, selectorOfMap } from '../apimachinery/labels.js';
import { controllerOf } from '../apimachinery/object.js';
import { matchesRequired } from '../kinds/core/node-selector.js';
import { tolerates } from '../kinds/core/tolerations.js';
import type { Node, Pod, Service, TopologySpreadConstraint } from '../kinds/types/core_v1.js';
import { LABEL_HOSTNAME, LABEL_ZONE } from '../kinds/wellknown.js';

export interface Constraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  /** DoNotSchedule: filters; else it only scores. */
  readonly hard: boolean;
  /** Whether a pod of the same namespace is one of those to be spread. */
  selects(other: Pod): boolean;
  /** Whether a node's pods count. */
  counts(pod: Pod, node: Node): boolean;
}

/** Upstream's system defaults: soft, hosts more evenly than zones. */
const DEFAULTS = [
  { topologyKey: LABEL_HOSTNAME, maxSkew: 3 },
  { topologyKey: LABEL_ZONE, maxSkew: 5 },
] as const;

export function constraintsOf(pod: Pod, services: readonly Service[]): readonly Constraint[] {
  const own = pod.spec.topologySpreadConstraints ?? [];
  if (own.length > 0) return own.map((constraint) => ownConstraint(pod, constraint));
  const selects = likeOwnerAndServices(pod, services);
  if (!selects) return [];
  return DEFAULTS.map((fields) => ({ ...fields, minDomains: 1, hard: false, selects, counts: () => true }));
}

function ownConstraint(pod: Pod, constraint: TopologySpreadConstraint): Constraint {
  const { topologyKey, maxSkew, minDomains = 1, whenUnsatisfiable, matchLabelKeys = [], nodeAffinityPolicy, nodeTaintsPolicy } = constraint;
  const selector = selectorOf(constraint.labelSelector);
  const same = matchLabelKeys.filter((key) => pod.metadata.labels?.[key] !== undefined);
  return {
    topologyKey,
    maxSkew,
    minDomains,
    hard: whenUnsatisfiable === 'DoNotSchedule',
    selects: ({ metadata }) =>
      selector.matches(metadata.labels) && same.every((key) => metadata.labels?.[key] === pod.metadata.labels?.[key]),
    counts: (_, node) =>
      (nodeAffinityPolicy === 'Ignore' || matchesRequired(pod, node)) && (nodeTaintsPolicy !== 'Honor' || toleratesAll(pod, node)),
  };
}

function toleratesAll(pod: Pod, node: Node): boolean {
  const forbidding = (node.spec.taints ?? []).filter(({ effect }) => effect !== 'PreferNoSchedule');
  return forbidding.every((taint) => pod.spec.tolerations?.some((toleration) => tolerates(toleration, taint)));
}

/** Pods of the same controller, behind the same Services; undefined for a pod that has neither. */
function likeOwnerAndServices(pod: Pod, services: readonly Service[]): ((other: Pod) => boolean) | undefined {
  const owner = controllerOf(pod)?.uid;
  const selectors = services
    .filter(({ metadata }) => metadata.namespace === pod.metadata.namespace)
    .map(({ spec }) => selectorOfMap(spec.selector))
    .filter((selector) => selector.matches(pod.metadata.labels));
  if (owner === undefined && selectors.length === 0) return undefined;
  return (other) =>
    (owner === undefined || controllerOf(other)?.uid === owner) && selectors.every((selector) => selector.matches(other.metadata.labels));
}
