// What a Deployment's replica sets are to it: which is the new one, their revisions, annotations and names. Pure.
import type { KubeObject } from '../apimachinery/object.js';
import type { Deployment, ReplicaSet } from '../kinds/types/apps_v1.js';
import type { PodTemplateSpec } from '../kinds/types/core_v1.js';
import { ANNOTATION_LAST_APPLIED, ANNOTATION_REVISION, LABEL_POD_TEMPLATE_HASH } from '../kinds/wellknown.js';
import { canonicalJson, shortHash } from './template-hash.js';

export const ANNOTATION_DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const ANNOTATION_MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';
export const ANNOTATION_REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';

/** A Deployment's annotations that its replica sets do not take over: each has its own, or none. */
const ANNOTATIONS_NOT_COPIED: ReadonlySet<string> = new Set([
  ANNOTATION_LAST_APPLIED,
  ANNOTATION_REVISION,
  ANNOTATION_REVISION_HISTORY,
  ANNOTATION_DESIRED_REPLICAS,
  ANNOTATION_MAX_REPLICAS,
  'deprecated.deployment.rollback.to',
]);

/** Longest list of past revisions in the revision-history annotation, in bytes, as upstream's. */
const REVISION_HISTORY_MAX_BYTES = 2000;

/** JSON with sorted keys and without the hash label: equal for equal templates. */
function canonicalTemplate(template: PodTemplateSpec): string {
  const { [LABEL_POD_TEMPLATE_HASH]: _, ...labels } = template.metadata.labels ?? {};
  return canonicalJson({ ...template, metadata: { ...template.metadata, labels } });
}

/** The pod-template-hash label and name suffix; another one for each collision counted. */
export const templateHash = (template: PodTemplateSpec, collisionCount?: number): string =>
  shortHash(canonicalTemplate(template), collisionCount);

export const sameTemplate = (a: PodTemplateSpec, b: PodTemplateSpec): boolean => canonicalTemplate(a) === canonicalTemplate(b);

export const replicasOf = (object: { readonly spec: { readonly replicas?: number } }): number => object.spec.replicas ?? 1;
export const sumReplicas = (sets: readonly ReplicaSet[]): number => sets.reduce((sum, set) => sum + replicasOf(set), 0);

export const byAge = (a: KubeObject, b: KubeObject): number =>
  Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp) || (a.metadata.name < b.metadata.name ? -1 : 1);

/** The replica set of the current template (the oldest, should there be several), and all others, oldest first. */
export function splitReplicaSets(
  deployment: Deployment,
  sets: readonly ReplicaSet[],
): { readonly current: ReplicaSet | undefined; readonly old: readonly ReplicaSet[] } {
  const ordered = [...sets].sort(byAge);
  const wanted = canonicalTemplate(deployment.spec.template);
  const current = ordered.find((set) => canonicalTemplate(set.spec.template) === wanted);
  return { current, old: ordered.filter((set) => set !== current) };
}

export function revisionOf(object: KubeObject): number {
  const text = object.metadata.annotations?.[ANNOTATION_REVISION];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : 0;
}

/** The annotations that the current replica set should have; equal to those it has where nothing is to change. */
export function currentAnnotations(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): { readonly [name: string]: string } {
  const annotations: { [name: string]: string } = { ...current?.metadata.annotations };
  for (const [name, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!ANNOTATIONS_NOT_COPIED.has(name)) annotations[name] = value;
  }
  const next = Math.max(0, ...old.map(revisionOf)) + 1;
  const had = current ? revisionOf(current) : 0;
  if (had >= next) return annotations;
  annotations[ANNOTATION_REVISION] = String(next);
  if (had > 0) annotations[ANNOTATION_REVISION_HISTORY] = appendRevision(annotations[ANNOTATION_REVISION_HISTORY], had);
  return annotations;
}

/** The history with `revision` at its end, shortened at the front to its bound. */
function appendRevision(history: string | undefined, revision: number): string {
  const revisions = [...(history ? history.split(',') : []), String(revision)];
  while (revisions.join(',').length > REVISION_HISTORY_MAX_BYTES) revisions.shift();
  return revisions.join(',');
}

/** The annotations that record for which size of the Deployment a replica set was last scaled. */
export function sizeAnnotations(desired: number, maxSurge: number): { readonly [name: string]: string } {
  return { [ANNOTATION_DESIRED_REPLICAS]: String(desired), [ANNOTATION_MAX_REPLICAS]: String(desired + maxSurge) };
}

/** Old replica sets beyond the history limit that hold nothing any more, oldest revision first. */
export function surplusHistory(deployment: Deployment, old: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const limit = deployment.spec.revisionHistoryLimit;
  const kept = old.filter((set) => set.metadata.deletionTimestamp === undefined);
  if (limit === undefined || kept.length <= limit) return [];
  const oldest = [...kept].sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, kept.length - limit);
  return oldest.filter(
    (set) => set.status.replicas === 0 && replicasOf(set) === 0 && (set.metadata.generation ?? 0) <= (set.status.observedGeneration ?? 0),
  );
}
