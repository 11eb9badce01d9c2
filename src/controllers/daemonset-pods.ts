// The pods of a DaemonSet and the nodes that they are for: the template with what every daemon gets, and which nodes may have one. Pure.
import type { Draft } from '../apimachinery/json.js';
import { ANNOTATION_TEMPLATE_GENERATION } from '../kinds/apps/daemonset.js';
import { matchesRequired } from '../kinds/core/node-selector.js';
import { tolerates } from '../kinds/core/tolerations.js';
import type { DaemonSet } from '../kinds/types/apps_v1.js';
import type { Node, Pod, PodSpec, PodTemplateSpec, Toleration } from '../kinds/types/core_v1.js';
import { TAINT_NOT_READY, TAINT_UNREACHABLE, TAINT_UNSCHEDULABLE } from '../kinds/wellknown.js';
import { LABEL_REVISION_HASH } from './revisions.js';

const LABEL_TEMPLATE_GENERATION = 'pod-template-generation';
const FIELD_NODE_NAME = 'metadata.name';

const stays = (key: string): Toleration => ({ key, operator: 'Exists', effect: 'NoExecute' });
const comes = (key: string): Toleration => ({ key, operator: 'Exists', effect: 'NoSchedule' });

/** Daemons stay on a node that is in trouble, and come to it: often they are what it needs. */
const TOLERATIONS: readonly Toleration[] = [
  stays(TAINT_NOT_READY),
  stays(TAINT_UNREACHABLE),
  comes('node.kubernetes.io/disk-pressure'),
  comes('node.kubernetes.io/memory-pressure'),
  comes('node.kubernetes.io/pid-pressure'),
  comes(TAINT_UNSCHEDULABLE),
];
/** A daemon of the host's own network may be what brings up that of the pods. */
const TOLERATION_NETWORK = comes('node.kubernetes.io/network-unavailable');

function tolerationsOf(spec: PodSpec): readonly Toleration[] {
  const added = spec.hostNetwork ? [...TOLERATIONS, TOLERATION_NETWORK] : TOLERATIONS;
  const own = spec.tolerations ?? [];
  return [...own, ...added.filter((toleration) => !own.some((each) => sameToleration(each, toleration)))];
}

const sameToleration = (a: Toleration, b: Toleration): boolean =>
  a.key === b.key && a.operator === b.operator && a.effect === b.effect && !a.value && a.tolerationSeconds === undefined;

/** The template of the set's pods of the revision `hash`, but for the node. */
export function daemonTemplate({ metadata, spec: { template } }: DaemonSet, hash: string): PodTemplateSpec {
  const generation = metadata.annotations?.[ANNOTATION_TEMPLATE_GENERATION];
  const labels = {
    ...template.metadata.labels,
    ...(generation && { [LABEL_TEMPLATE_GENERATION]: generation }),
    [LABEL_REVISION_HASH]: hash,
  };
  return {
    metadata: { ...template.metadata, labels },
    spec: { ...template.spec, tolerations: tolerationsOf(template.spec) },
  };
}

/** For one node, by name: the scheduler places the pod there or nowhere. What the set requires of nodes has been seen to already. */
export function templateForNode({ metadata, spec }: PodTemplateSpec, node: string): PodTemplateSpec {
  const terms = [{ matchFields: [{ key: FIELD_NODE_NAME, operator: 'In', values: [node] }] }];
  const nodeAffinity = { ...spec.affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } };
  return { metadata, spec: { ...spec, affinity: { ...spec.affinity, nodeAffinity } } };
}

/** The node that a daemon runs on, or is to run on; undefined for a pod that was made for none. */
export function targetNode({ spec }: Draft<Pod>): string | undefined {
  if (spec?.nodeName) return spec.nodeName;
  const terms = spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  for (const field of terms.flatMap(({ matchFields = [] }) => matchFields)) {
    if (field.key === FIELD_NODE_NAME && field.operator === 'In' && field.values?.length === 1) return field.values[0];
  }
  return undefined;
}

export interface Placement {
  /** It should have a daemon. */
  readonly shouldRun: boolean;
  /** One that it has already may stay. */
  readonly mayStay: boolean;
}

const NOWHERE: Placement = { shouldRun: false, mayStay: false };

export function placementOn({ spec: { template } }: DaemonSet, node: Node): Placement {
  const { spec } = template;
  if (spec.nodeName && spec.nodeName !== node.metadata.name) return NOWHERE;
  if (!matchesRequired({ spec }, node)) return NOWHERE;
  const tolerations = tolerationsOf(spec);
  const refused = (node.spec.taints ?? []).filter((taint) => !tolerations.some((toleration) => tolerates(toleration, taint)));
  return {
    shouldRun: !refused.some(({ effect }) => effect === 'NoExecute' || effect === 'NoSchedule'),
    mayStay: !refused.some(({ effect }) => effect === 'NoExecute'),
  };
}
