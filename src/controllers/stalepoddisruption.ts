// Watches pods that something was to end; one that is still there after a while is no longer said to be disrupted.
import { rfc3339 } from '../apimachinery/clock.js';
import { isBeingDeleted, parseKey } from '../apimachinery/object.js';
import { isStatus } from '../apimachinery/status.js';
import { pods } from '../kinds/core/pod.js';
import { isPodTerminal, podCondition } from '../kinds/core/podutil.js';
import type { Pod } from '../kinds/types/core_v1.js';
import { defineController } from './define.js';

/** Upstream's: by then whoever said so has deleted it. */
const STALE_MS = 120_000;
/** The kubelet may take long to end a pod, and says so only when it does. */
const BY_KUBELET = 'TerminationByKubelet';

export const stalePodDisruption = defineController({
  name: 'stale-pod-disruption',
  serviceAccount: 'disruption-controller',
  inputs: [pods.mapped((pod) => (disruptedSince(pod) === undefined ? [] : [`${pod.metadata.namespace}/${pod.metadata.name}`]))],
  outputs: [pods.status],
  async reconcile(key, { get, client, clock }) {
    const pod = get(pods, parseKey(key));
    const since = pod && disruptedSince(pod);
    if (since === undefined) return;
    const wait_ms = since + STALE_MS - clock.now();
    if (wait_ms > 0) return { requeueAfter_ms: wait_ms };
    const over = { type: 'DisruptionTarget', status: 'False', lastTransitionTime: rfc3339(clock.now()), reason: null, message: null };
    const patch = { metadata: { uid: pod!.metadata.uid }, status: { conditions: [over] } };
    try {
      await client.patch(pods, pod!.metadata, 'application/strategic-merge-patch+json', patch, 'status');
    } catch (error) {
      if (!isStatus(error, 'NotFound')) throw error;
    }
  },
});

/** When something said that it would end the pod, if the pod does not seem to end. */
function disruptedSince(pod: Pod): number | undefined {
  if (isBeingDeleted(pod) || isPodTerminal(pod)) return undefined;
  const condition = podCondition(pod, 'DisruptionTarget');
  if (condition?.status !== 'True' || condition.reason === BY_KUBELET) return undefined;
  return Date.parse(condition.lastTransitionTime ?? '') || 0;
}
