// Of /metrics: what the volumes that pods of this node claim have left.
import { type Exposition, labelText } from '../../src/apimachinery/exposition.js';
import type { Volume } from '../../src/kinds/types/core_v1.js';
import { type SummaryOptions, volumesOf } from './summary.js';

type VolumeUsage = Awaited<ReturnType<typeof volumesOf>>[number];

const FAMILIES: readonly (readonly [name: string, help: string, value: (volume: VolumeUsage) => number])[] = [
  ['capacity_bytes', 'Size of the volume.', ({ fs }) => fs.capacityBytes],
  ['available_bytes', 'Of it not in use.', ({ fs }) => fs.availableBytes],
  ['used_bytes', 'Of it in use.', ({ usage }) => usage.bytes],
  ['inodes', 'Files that it can hold.', ({ fs }) => fs.inodes],
  ['inodes_free', 'Of them not in use.', ({ fs }) => fs.inodesFree],
  ['inodes_used', 'Of them in use.', ({ usage }) => usage.inodes],
];

const claims = ({ persistentVolumeClaim, ephemeral }: Volume) => persistentVolumeClaim !== undefined || ephemeral !== undefined;

/** Only pods that claim something are looked at; a claim of several pods is told once. */
export async function volumeMetrics(
  options: Pick<SummaryOptions, 'lookup' | 'rootDirectory' | 'disk'>,
): Promise<(out: Exposition) => void> {
  const pods = options.lookup.pods().filter(({ spec }) => spec.volumes?.some(claims));
  const found = await Promise.all(pods.map(({ metadata: { uid, name, namespace = '' } }) => volumesOf(options, { uid, name, namespace })));
  const byLabels = new Map<string, VolumeUsage>();
  for (const volume of found.flat()) {
    const { pvcRef } = volume.claim;
    if (pvcRef) byLabels.set(labelText({ namespace: pvcRef.namespace, persistentvolumeclaim: pvcRef.name }), volume);
  }
  return (out) => {
    if (byLabels.size === 0) return;
    for (const [name, help, value] of FAMILIES) {
      out.metric(`kubelet_volume_stats_${name}`, 'gauge', help);
      for (const [labels, volume] of byLabels) out.sample(`kubelet_volume_stats_${name}`, labels, value(volume));
    }
  };
}
