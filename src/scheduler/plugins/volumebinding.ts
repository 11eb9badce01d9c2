// VolumeBinding: a pod goes where its volumes are. Claims that wait for their first consumer get theirs, or a node to be provisioned on,
// before the pod is bound.
import type { KubeObject } from '../../apimachinery/object.js';
import { persistentVolumes } from '../../kinds/core/persistentvolume.js';
import { persistentVolumeClaims } from '../../kinds/core/persistentvolumeclaim.js';
import { claimNamesOf, ephemeralClaimName } from '../../kinds/core/pod-claims.js';
import {
  ANNOTATION_BOUND_BY_CONTROLLER,
  ANNOTATION_SELECTED_NODE,
  claimReference,
  findVolume,
  isFullyBound,
  isReachable,
  isVolumeOf,
  NO_PROVISIONER,
  storageClassOf,
  waitsForConsumer,
} from '../../kinds/core/volume-binding.js';
import { storageClasses } from '../../kinds/storage/storageclass.js';
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../../kinds/types/core_v1.js';
import type { StorageClass } from '../../kinds/types/storage_v1.js';
import { int, object } from '../config-fields.js';
import { definePlugin, type FilterResult, type PluginContext, type Snapshot } from '../define.js';
import { volumeBindingHints } from '../event-hints.js';

type Storage = Snapshot['storage'];

/** Where a claim that is still unbound would get its volume from, on one node. */
type Source = { readonly claim: PersistentVolumeClaim; readonly volume?: PersistentVolume };

interface Args {
  /** How long a pod holds what it was promised of its node. */
  readonly bindTimeoutSeconds: number;
}

export const volumeBinding = definePlugin<readonly PersistentVolumeClaim[], undefined, Args>({
  name: 'VolumeBinding',
  args: object({
    bindTimeoutSeconds: int(600, { min: 0, otherwise: 'invalid BindTimeoutSeconds, should not be a negative value' }),
  }),
  make: ({ bindTimeoutSeconds }) => ({
    events: volumeBindingHints,
    preFilter(pod, { storage }) {
      const names = claimNamesOf(pod);
      if (names.length === 0) return { skip: true };
      for (const name of names) {
        const claim = storage.get(persistentVolumeClaims, { namespace: pod.metadata.namespace, name });
        const why = claim ? unusable(pod, claim, storage) : missing(pod, name);
        if (why) return { refused: why, unresolvable: true };
      }
      return { state: claimsOf(pod, storage) };
    },
    filter(_, { node }, claims, { storage }): FilterResult {
      const bound = claims.filter(isFullyBound).map(({ spec }) => storage.get(persistentVolumes, { name: spec.volumeName! }));
      if (bound.includes(undefined))
        return { reasons: ['node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'], unresolvable: true };
      if (!bound.every((volume) => isReachable(volume!, node)))
        return { reasons: ["node(s) didn't match PersistentVolume's node affinity"], unresolvable: true };
      if (sourcesOn(node, claims, storage)) return undefined;
      return { reasons: ["node(s) didn't find available persistent volumes to bind"], unresolvable: true };
    },
    preBind(pod, { node }, context) {
      const claims = claimsOf(pod, context.snapshot.storage);
      return claims.every(isFullyBound) ? undefined : bindClaims(node, claims, bindTimeoutSeconds * 1000, context);
    },
  }),
});

function claimsOf(pod: Pod, storage: Storage): readonly PersistentVolumeClaim[] {
  const { namespace } = pod.metadata;
  const claims = claimNamesOf(pod).map((name) => storage.get(persistentVolumeClaims, { namespace, name }));
  return claims.filter((claim): claim is PersistentVolumeClaim => claim !== undefined);
}

const isEphemeral = (pod: Pod, claim: string) =>
  (pod.spec.volumes ?? []).some(({ name, ephemeral }) => ephemeral && ephemeralClaimName(pod, name) === claim);

function missing(pod: Pod, name: string): string {
  const what = isEphemeral(pod, name)
    ? 'waiting for ephemeral volume controller to create the persistentvolumeclaim'
    : 'persistentvolumeclaim';
  return isEphemeral(pod, name) ? `${what} "${name}"` : `${what} "${name}" not found`;
}

/** Why no pod can use the claim as it is, on any node. */
function unusable(pod: Pod, claim: PersistentVolumeClaim, storage: Storage): string | undefined {
  const { name, deletionTimestamp } = claim.metadata;
  if (claim.status.phase === 'Lost')
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec.volumeName ?? ''}"`;
  if (deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`;
  if (isEphemeral(pod, name) && !isOwnedBy(claim, pod))
    return `PVC ${claim.metadata.namespace}/${name} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`;
  if (isFullyBound(claim) || (!claim.spec.volumeName && waitsForConsumer(classOf(claim, storage)))) return undefined;
  return 'pod has unbound immediate PersistentVolumeClaims';
}

const isOwnedBy = ({ metadata }: KubeObject, owner: KubeObject) =>
  metadata.ownerReferences?.some(({ controller, uid }) => controller && uid === owner.metadata.uid) ?? false;

const classOf = (claim: PersistentVolumeClaim, storage: Storage): StorageClass | undefined =>
  storage.get(storageClasses, { name: storageClassOf(claim) });

/** What each unbound claim would get on the node; undefined where one would get nothing. */
function sourcesOn(node: Node, claims: readonly PersistentVolumeClaim[], storage: Storage): readonly Source[] | undefined {
  const taken = new Set<string>();
  const sources: Source[] = [];
  for (const claim of claims) {
    if (isFullyBound(claim)) continue;
    const selected = claim.metadata.annotations?.[ANNOTATION_SELECTED_NODE];
    // A volume is being made for it already.
    if (selected && selected !== node.metadata.name) return undefined;
    const volume = selected ? undefined : findVolume(claim, storage.list(persistentVolumes), { node, taken });
    if (!volume && !canProvision(classOf(claim, storage), node)) return undefined;
    if (volume) taken.add(volume.metadata.name);
    sources.push({ claim, ...(volume ? { volume } : {}) });
  }
  return sources;
}

function canProvision(storageClass: StorageClass | undefined, { metadata }: Node): boolean {
  if (!storageClass?.provisioner || storageClass.provisioner === NO_PROVISIONER) return false;
  const { allowedTopologies = [] } = storageClass;
  if (allowedTopologies.length === 0) return true;
  return allowedTopologies.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key, values }) => values.includes(metadata.labels?.[key] ?? '')),
  );
}

/** Tells binder and provisioner what was chosen, and waits for both to be done. */
async function bindClaims(
  node: Node,
  claims: readonly PersistentVolumeClaim[],
  timeout_ms: number,
  { client, snapshot, until }: PluginContext,
): Promise<void> {
  const sources = sourcesOn(node, claims, snapshot.storage);
  if (!sources) throw new Error(`the volumes for node ${node.metadata.name} are taken by now`);
  for (const { claim, volume } of sources) {
    if (volume) await reserve(client, claim, volume);
    else await selectNode(client, claim, node.metadata.name);
  }
  await until((storage) => sources.every(({ claim, volume }) => isDone(storage, claim, volume, node)), timeout_ms);
}

async function reserve(client: PluginContext['client'], claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
  if (volume.spec.claimRef?.uid === claim.metadata.uid) return;
  const ours = isVolumeOf(volume, claim) ? {} : { [ANNOTATION_BOUND_BY_CONTROLLER]: 'yes' };
  await client.update(persistentVolumes, {
    ...volume,
    metadata: { ...volume.metadata, annotations: { ...volume.metadata.annotations, ...ours } },
    spec: { ...volume.spec, claimRef: claimReference(claim) },
  });
}

async function selectNode(client: PluginContext['client'], claim: PersistentVolumeClaim, node: string): Promise<void> {
  const { annotations } = claim.metadata;
  if (annotations?.[ANNOTATION_SELECTED_NODE] === node) return;
  const metadata = { ...claim.metadata, annotations: { ...annotations, [ANNOTATION_SELECTED_NODE]: node } };
  await client.update(persistentVolumeClaims, { ...claim, metadata });
}

/** Throws where it will never be: somebody else decided otherwise meanwhile. */
function isDone(storage: Storage, before: PersistentVolumeClaim, reserved: PersistentVolume | undefined, node: Node): boolean {
  const { namespace, name, uid } = before.metadata;
  const claim = storage.get(persistentVolumeClaims, { namespace, name });
  if (claim?.metadata.uid !== uid) throw new Error(`persistentvolumeclaim "${name}" is gone`);
  if (isFullyBound(claim)) {
    const volume = storage.get(persistentVolumes, { name: claim.spec.volumeName! });
    if (volume && !isReachable(volume, node))
      throw new Error(`persistentvolume "${volume.metadata.name}" is not on node ${node.metadata.name}`);
    return volume !== undefined;
  }
  const known = Number(claim.metadata.resourceVersion) > Number(before.metadata.resourceVersion);
  if (!reserved && known && !claim.metadata.annotations?.[ANNOTATION_SELECTED_NODE])
    throw new Error(`persistentvolumeclaim "${name}": its node was given up by its provisioner`);
  return false;
}
