// What a pod of a StatefulSet is by its ordinal: its name, its labels, its claims. Pure.
import type { Draft } from '../apimachinery/json.js';
import { statefulSets } from '../kinds/apps/statefulset.js';
import type { StatefulSet } from '../kinds/types/apps_v1.js';
import type { PersistentVolumeClaim, Pod, PodTemplateSpec, Volume } from '../kinds/types/core_v1.js';
import { podFromTemplate } from './pod-control.js';
import { LABEL_REVISION_HASH } from './revisions.js';

const LABEL_POD_NAME = 'statefulset.kubernetes.io/pod-name';
const LABEL_POD_INDEX = 'apps.kubernetes.io/pod-index';

export const firstOrdinal = ({ spec }: StatefulSet): number => spec.ordinals?.start ?? 0;
export const replicasOf = ({ spec }: StatefulSet): number => spec.replicas ?? 1;
export const revisionOf = ({ metadata }: Pod): string | undefined => metadata.labels?.[LABEL_REVISION_HASH];

/** The number in the name of one of the set's pods; undefined for any other name. */
export function ordinalOf(set: StatefulSet, { metadata: { name } }: { readonly metadata: { readonly name: string } }): number | undefined {
  const dash = name.lastIndexOf('-');
  const text = name.slice(dash + 1);
  return name.slice(0, dash) === set.metadata.name && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Whether the set is to have a pod of that number. */
export function isWanted(set: StatefulSet, ordinal: number): boolean {
  return ordinal >= firstOrdinal(set) && ordinal < firstOrdinal(set) + replicasOf(set);
}

const podName = (set: StatefulSet, ordinal: number) => `${set.metadata.name}-${ordinal}`;

/** The labels by which a pod is told from its siblings. */
export function identityLabels(set: StatefulSet, ordinal: number): { readonly [name: string]: string } {
  return { [LABEL_POD_NAME]: podName(set, ordinal), [LABEL_POD_INDEX]: String(ordinal) };
}

/** The pod of that number, made of `template`, which is that of `revision`. */
export function statefulPod(set: StatefulSet, ordinal: number, template: PodTemplateSpec, revision: string): Draft<Pod> {
  const { metadata, spec } = podFromTemplate(statefulSets, set, template);
  const { generateName: _, labels, ...rest } = metadata!;
  const name = podName(set, ordinal);
  return {
    metadata: { ...rest, name, labels: { ...labels, ...identityLabels(set, ordinal), [LABEL_REVISION_HASH]: revision } },
    spec: { ...spec, hostname: name, subdomain: set.spec.serviceName, volumes: volumesOf(set, ordinal, template.spec.volumes ?? []) },
  };
}

/** The volumes of the claims take the place of those of their names. */
function volumesOf(set: StatefulSet, ordinal: number, others: readonly Volume[]): readonly Volume[] {
  const claimed = claimTemplates(set).map((template): Volume => {
    const { name } = template.metadata;
    return { name, persistentVolumeClaim: { claimName: claimName(set, template, ordinal) } };
  });
  return [...claimed, ...others.filter(({ name }) => !claimed.some((volume) => volume.name === name))];
}

export const claimTemplates = ({ spec }: StatefulSet): readonly PersistentVolumeClaim[] => spec.volumeClaimTemplates ?? [];

export const claimName = (set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string =>
  `${template.metadata.name}-${podName(set, ordinal)}`;

export function claimFrom(set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): Draft<PersistentVolumeClaim> {
  const { labels, annotations, finalizers } = template.metadata;
  return {
    metadata: {
      name: claimName(set, template, ordinal),
      namespace: set.metadata.namespace!,
      labels: { ...labels, ...set.spec.selector?.matchLabels },
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
    },
    spec: template.spec,
  };
}
