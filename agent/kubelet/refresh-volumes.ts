// ConfigMaps, Secrets and a pod's own labels may have changed since their files were written: writes those anew that have.
import type { Pod } from '../../src/kinds/types/core_v1.js';
import { isManaged, setUpVolumes } from '../volumes/index.js';
import { VolumeError } from '../volumes/volume.js';
import type { PodServices } from './services.js';

export async function refreshVolumes(pod: Pod, { dirs, node, sources, metrics, events }: PodServices): Promise<void> {
  const managed = (pod.spec.volumes ?? []).filter(isManaged);
  if (managed.length === 0) return;
  await setUpVolumes(dirs.pod(pod.metadata.uid), managed, { pod, node, sources, metrics }).catch((error: Error) => {
    const each = error instanceof VolumeError ? error.each : [error.message];
    for (const text of each) events.event(pod, 'Warning', 'FailedMount', text);
    throw error;
  });
}
