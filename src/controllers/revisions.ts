// The history of StatefulSets and DaemonSets: one ControllerRevision for each template that they have had, the newest being the present one.
import type { JsonObject } from '../apimachinery/json.js';
import { selectorOf } from '../apimachinery/labels.js';
import { isBeingDeleted, type KubeObject } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import type { LabelSelector } from '../apimachinery/types/meta_v1.js';
import { controllerRevisions } from '../kinds/apps/controllerrevision.js';
import type { Kind } from '../kinds/define.js';
import type { ControllerRevision } from '../kinds/types/apps_v1.js';
import type { PodTemplateSpec } from '../kinds/types/core_v1.js';
import { claim, controllerRef } from './controller-ref.js';
import type { ReconcileContext } from './define.js';
import { canonicalJson, shortHash } from './template-hash.js';

/** With the hash behind it a name still fits, as upstream cuts it. */
const NAME_PREFIX_MAX_chars = 223;

/** On pods: which revision they are of. */
export const LABEL_REVISION_HASH = 'controller-revision-hash';

export interface RevisionOwner extends KubeObject {
  readonly spec: { readonly selector?: LabelSelector; readonly template: PodTemplateSpec; readonly revisionHistoryLimit?: number };
  readonly status: { readonly collisionCount?: number };
}

export interface History {
  /** That of the present template. */
  readonly update: ControllerRevision;
  /** Oldest first, `update` being the last. */
  readonly all: readonly ControllerRevision[];
  /** Names that were taken so far; undefined where none was. */
  readonly collisionCount: number | undefined;
}

/** All revisions of `owner`, after that of its present template was made, or made the newest again. `hashLabel` is what they carry their hash in. */
export async function historyOf<T extends RevisionOwner>(
  context: ReconcileContext,
  kind: Kind<T>,
  owner: T,
  hashLabel: string,
): Promise<History> {
  const candidates = context.list(controllerRevisions, owner.metadata.namespace).filter((revision) => !isBeingDeleted(revision));
  const claimed = await claim(context, { kind, object: owner, selector: selectorOf(owner.spec.selector) }, controllerRevisions, candidates);
  const known = [...claimed].sort(byRevision);
  const data = templatePatch(owner.spec.template);
  const text = canonicalJson(data);
  const same = known.findLast((revision) => canonicalJson(revision.data) === text);
  const newest = known.at(-1);
  const { collisionCount } = owner.status;
  if (same && same === newest) return { update: same, all: known, collisionCount };
  const next = (newest?.revision ?? 0) + 1;
  if (same) {
    const { name, namespace, uid } = same.metadata;
    const patch = { metadata: { uid }, revision: next };
    const update = await context.client.patch(controllerRevisions, { namespace, name }, 'application/merge-patch+json', patch);
    return { update, all: [...known.filter((revision) => revision !== same), update], collisionCount };
  }
  const made = await create(context, kind, owner, { data, revision: next, hashLabel });
  return { ...made, all: [...known, made.update] };
}

const byRevision = (a: ControllerRevision, b: ControllerRevision): number =>
  a.revision - b.revision ||
  Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp) ||
  (a.metadata.name < b.metadata.name ? -1 : 1);

/** What a revision keeps: a strategic merge patch that brings its template back, as `kubectl rollout undo` sends it. */
function templatePatch(template: PodTemplateSpec): JsonObject {
  return { spec: { template: { ...(template as unknown as JsonObject), $patch: 'replace' } } };
}

/** The template that a revision keeps. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec {
  const { $patch: _, ...template } = (data as { spec: { template: JsonObject } }).spec.template;
  return template as unknown as PodTemplateSpec;
}

async function create<T extends RevisionOwner>(
  { client }: ReconcileContext,
  kind: Kind<T>,
  owner: T,
  { data, revision, hashLabel }: { data: JsonObject; revision: number; hashLabel: string },
): Promise<{ update: ControllerRevision; collisionCount: number | undefined }> {
  const { name: prefix, namespace, annotations } = owner.metadata;
  const { template } = owner.spec;
  for (let { collisionCount } = owner.status; ; collisionCount = (collisionCount ?? 0) + 1) {
    const hash = shortHash(canonicalJson(template), collisionCount);
    const name = `${prefix.slice(0, NAME_PREFIX_MAX_chars)}-${hash}`;
    const labels = { ...template.metadata.labels, [hashLabel]: hash };
    const metadata = { name, namespace: namespace!, labels, ...(annotations && { annotations }) };
    try {
      const ownerReferences = [controllerRef(kind, owner)];
      return {
        update: await client.create(controllerRevisions, { metadata: { ...metadata, ownerReferences }, data, revision }),
        collisionCount,
      };
    } catch (error) {
      if (!isStatus(error, 'AlreadyExists')) throw error;
      const there = await client.get(controllerRevisions, { namespace, name });
      if (canonicalJson(there.data) === canonicalJson(data)) return { update: there, collisionCount };
    }
  }
}

/** Deletes the oldest of `candidates`, as many as `surplus` says, but none that is still in use. */
export async function deleteRevisions(
  { client }: ReconcileContext,
  candidates: readonly ControllerRevision[],
  surplus: number,
  isInUse: (revision: ControllerRevision) => boolean,
): Promise<void> {
  const unused = candidates.filter((revision) => !isInUse(revision));
  for (const { metadata } of unused.slice(0, Math.max(0, surplus))) {
    const { uid, resourceVersion } = metadata;
    // Only as it was seen: one that is gone back to gets a new number.
    await client.delete(controllerRevisions, metadata, { preconditions: { uid, ...(resourceVersion && { resourceVersion }) } });
  }
}
