// Watches pods; makes the claim of each of their ephemeral volumes, which goes with the pod.
import { isBeingDeleted, keyOf, objectKey, parseKey } from '../apimachinery/object.js';
import { persistentVolumeClaims } from '../kinds/core/persistentvolumeclaim.js';
import { pods } from '../kinds/core/pod.js';
import { ephemeralClaimName } from '../kinds/core/pod-claims.js';
import { isPodTerminal } from '../kinds/core/podutil.js';
import type { Pod, Volume } from '../kinds/types/core_v1.js';
import { controllerRef } from './controller-ref.js';
import { defineController, type ReconcileContext } from './define.js';

export const ephemeralVolume = defineController({
  name: 'ephemeral-volume',
  eventSource: 'ephemeral_volume',
  inputs: [pods.mapped((pod) => (ephemeralVolumesOf(pod).length > 0 ? [objectKey(pod)] : [])), persistentVolumeClaims.ownedBy(pods)],
  outputs: [persistentVolumeClaims],
  async reconcile(key, context) {
    const pod = context.get(pods, parseKey(key));
    if (!pod || isBeingDeleted(pod) || isPodTerminal(pod)) return;
    for (const volume of ephemeralVolumesOf(pod)) await ensureClaim(context, pod, volume);
  },
});

const ephemeralVolumesOf = ({ spec }: Pod): readonly Volume[] => (spec.volumes ?? []).filter(({ ephemeral }) => ephemeral);

async function ensureClaim({ client, get, events }: ReconcileContext, pod: Pod, volume: Volume): Promise<void> {
  const { namespace, uid } = pod.metadata;
  const name = ephemeralClaimName(pod, volume.name);
  const existing = get(persistentVolumeClaims, { namespace, name });
  if (existing) {
    if (existing.metadata.ownerReferences?.some((owner) => owner.controller && owner.uid === uid)) return;
    const message = `PVC ${keyOf({ namespace, name })} was not created for pod ${objectKey(pod)} (pod is not owner)`;
    events.event(pod, 'Warning', 'EphemeralVolumeConflict', message);
    throw new Error(message);
  }
  const { metadata, spec } = volume.ephemeral!.volumeClaimTemplate!;
  await client.create(persistentVolumeClaims, {
    metadata: {
      name,
      ...(namespace ? { namespace } : {}),
      ...(metadata?.labels ? { labels: metadata.labels } : {}),
      ...(metadata?.annotations ? { annotations: metadata.annotations } : {}),
      ownerReferences: [controllerRef(pods, pod)],
    },
    spec,
  });
}
