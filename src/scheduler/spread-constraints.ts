// Which pods are to be spread over which topology: a pod's own constraints, or the cluster's defaults for its owner and Services.
import { type Selector, selectorOf, selectorOfMap } from '../apimachinery/labels.js';
import { controllerOf } from '../apimachinery/object.js';
import { matchesRequired } from '../kinds/core/node-selector.js';
import { tolerates } from '../kinds/core/tolerations.js';
import type { Node, Pod, Service, TopologySpreadConstraint } from '../kinds/types/core_v1.js';
import { LABEL_HOSTNAME, LABEL_ZONE } from '../kinds/wellknown.js';

export type ConstraintFields = Omit<TopologySpreadConstraint, 'labelSelector' | 'matchLabelKeys'>;

export interface Constraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  /** Whether a pod of the same namespace is one of those to be spread. */
  selects(other: Pod): boolean;
  /** Whether a node's pods count. */
  counts(node: Node): boolean;
}

export interface Constraints {
  readonly constraints: readonly Constraint[];
  /** They are the cluster's, not the pod's own. */
  readonly byDefault: boolean;
  /** Constraints of the same signature count the same pods on the same nodes. */
  readonly signature: string;
}

/** Upstream's system defaults: hosts more evenly than zones. */
export const SYSTEM_DEFAULTS: readonly ConstraintFields[] = [
  { topologyKey: LABEL_HOSTNAME, maxSkew: 3, whenUnsatisfiable: 'ScheduleAnyway' },
  { topologyKey: LABEL_ZONE, maxSkew: 5, whenUnsatisfiable: 'ScheduleAnyway' },
];

type Action = 'DoNotSchedule' | 'ScheduleAnyway';

const NONE: Constraints = { constraints: [], byDefault: false, signature: '' };
const own = new WeakMap<Pod, { readonly [action in Action]: Constraints }>();

/** Those that must hold (DoNotSchedule), or those that only count in scores. */
export function constraintsOf(pod: Pod, action: Action, services: readonly Service[], defaults: readonly ConstraintFields[]): Constraints {
  if ((pod.spec.topologySpreadConstraints ?? []).length === 0) return defaultConstraints(pod, services, only(action, defaults));
  let known = own.get(pod);
  if (!known) {
    known = { DoNotSchedule: ownConstraints(pod, 'DoNotSchedule'), ScheduleAnyway: ownConstraints(pod, 'ScheduleAnyway') };
    own.set(pod, known);
  }
  return known[action];
}

const only = <C extends ConstraintFields>(action: Action, all: readonly C[] = []): readonly C[] =>
  all.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === action);

function ownConstraints(pod: Pod, action: Action): Constraints {
  const { metadata, spec } = pod;
  const all = only(action, spec.topologySpreadConstraints);
  if (all.length === 0) return NONE;
  const constraints = all.map((constraint) => {
    const selector = selectorOf(constraint.labelSelector);
    const same = (constraint.matchLabelKeys ?? []).filter((key) => metadata.labels?.[key] !== undefined);
    // As upstream, which counts nobody by a selector that says nothing.
    const selects = (other: Pod) =>
      !(selector.empty && same.length === 0) &&
      selector.matches(other.metadata.labels) &&
      same.every((key) => other.metadata.labels?.[key] === metadata.labels?.[key]);
    return constraintOf(constraint, pod, selects);
  });
  const labels = all.flatMap(({ matchLabelKeys = [] }) => matchLabelKeys.map((key) => metadata.labels?.[key]));
  return { constraints, byDefault: false, signature: JSON.stringify([metadata.namespace, all, labels, whereToOf(pod)]) };
}

/** All that `counts` goes by. */
const whereToOf = ({ spec }: Pod) => [spec.nodeSelector, spec.affinity?.nodeAffinity, spec.tolerations];

function constraintOf(fields: ConstraintFields, pod: Pod, selects: Constraint['selects']): Constraint {
  const { topologyKey, maxSkew, minDomains = 1, nodeAffinityPolicy, nodeTaintsPolicy } = fields;
  const counts = (node: Node) =>
    (nodeAffinityPolicy === 'Ignore' || matchesRequired(pod, node)) && (nodeTaintsPolicy !== 'Honor' || toleratesAll(pod, node));
  return { topologyKey, maxSkew, minDomains, selects, counts };
}

function toleratesAll(pod: Pod, node: Node): boolean {
  const forbidding = (node.spec.taints ?? []).filter(({ effect }) => effect !== 'PreferNoSchedule');
  return forbidding.every((taint) => pod.spec.tolerations?.some((toleration) => tolerates(toleration, taint)));
}

/** Of these pods are alike; those of a Job or a DaemonSet are not spread by default. */
const SPREAD_OWNERS = new Set(['v1 ReplicationController', 'apps/v1 ReplicaSet', 'apps/v1 StatefulSet']);

function spreadOwnerOf(pod: Pod): string | undefined {
  const owner = controllerOf(pod);
  return owner && SPREAD_OWNERS.has(`${owner.apiVersion} ${owner.kind}`) ? owner.uid : undefined;
}

/** Pods of the same such controller, behind the same Services; a pod that has neither is not spread by default. */
function defaultConstraints(pod: Pod, services: readonly Service[], fields: readonly ConstraintFields[]): Constraints {
  if (fields.length === 0) return NONE;
  const owner = spreadOwnerOf(pod);
  const selectors = services
    .filter(({ metadata }) => metadata.namespace === pod.metadata.namespace)
    .map(selectorOfService)
    .filter((selector) => selector.matches(pod.metadata.labels));
  if (owner === undefined && selectors.length === 0) return NONE;
  const selects = (other: Pod) =>
    (owner === undefined || controllerOf(other)?.uid === owner) && selectors.every((selector) => selector.matches(other.metadata.labels));
  const signature = JSON.stringify([pod.metadata.namespace, fields, owner, selectors.map(String), whereToOf(pod)]);
  return { constraints: fields.map((each) => constraintOf(each, pod, selects)), byDefault: true, signature };
}

const selectors = new WeakMap<Service, Selector>();

function selectorOfService(service: Service): Selector {
  let selector = selectors.get(service);
  if (!selector) selectors.set(service, (selector = selectorOfMap(service.spec.selector)));
  return selector;
}
