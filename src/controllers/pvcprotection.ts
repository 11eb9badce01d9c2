// Watches claims and pods; lets a claim that is being deleted go once no pod uses it.
import { isBeingDeleted, keyOf, parseKey } from '../apimachinery/object.js';
import { persistentVolumeClaims } from '../kinds/core/persistentvolumeclaim.js';
import { pods } from '../kinds/core/pod.js';
import { claimNamesOf } from '../kinds/core/pod-claims.js';
import { FINALIZER_PVC } from '../kinds/core/volume-protection.js';
import type { Pod } from '../kinds/types/core_v1.js';
import { defineController } from './define.js';

export const pvcProtection = defineController({
  name: 'pvc-protection',
  inputs: [
    persistentVolumeClaims,
    pods.mapped((pod) => claimNamesOf(pod).map((name) => keyOf({ namespace: pod.metadata.namespace, name }))),
  ],
  outputs: [persistentVolumeClaims],
  async reconcile(key, { get, list, client }) {
    const claim = get(persistentVolumeClaims, parseKey(key));
    if (!claim || !isBeingDeleted(claim) || !claim.metadata.finalizers?.includes(FINALIZER_PVC)) return;
    const { name, namespace } = claim.metadata;
    // A pod without a node is not started any more: kubelets refuse a claim that is being deleted.
    const isInUse = (all: readonly Pod[]) => all.some((pod) => pod.spec.nodeName && claimNamesOf(pod).includes(name));
    if (isInUse(list(pods, namespace))) return;
    // Asked live: a cache that lags behind must cost no data. What it lacks will come, and wake us again.
    if (isInUse((await client.list(pods, { namespace })).items)) return;
    const finalizers = claim.metadata.finalizers.filter((each) => each !== FINALIZER_PVC);
    await client.update(persistentVolumeClaims, { ...claim, metadata: { ...claim.metadata, finalizers } });
  },
});
