// The claims of a pod: those that it names, and those made for its ephemeral volumes.
import type { Pod } from '../types/core_v1.js';

export const ephemeralClaimName = (pod: Pod, volume: string): string => `${pod.metadata.name}-${volume}`;

export function claimNamesOf(pod: Pod): readonly string[] {
  return (pod.spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim) return [persistentVolumeClaim.claimName];
    return ephemeral ? [ephemeralClaimName(pod, name)] : [];
  });
}
