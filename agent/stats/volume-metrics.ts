// Of /metrics: how many volumes pods of this node have, and what those that they claim have left.
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { type Exposition, labelText } from '../../src/apimachinery/exposition.js';
import { isPodActive } from '../../src/kinds/core/podutil.js';
import type { Pod, Volume } from '../../src/kinds/types/core_v1.js';
import { pluginOf } from '../volumes/index.js';
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

/** Volumes by plugin: those that pods are to have, and those that are set up. A host's path is there as soon as its pod is. */
export async function volumeTotals({
  lookup,
  rootDirectory,
}: Pick<SummaryOptions, 'lookup' | 'rootDirectory'>): Promise<(out: Exposition) => void> {
  const totals = new Map<string, number>();
  const count = (state: 'actual_state_of_world' | 'desired_state_of_world', plugin: string) => {
    const labels = labelText({ plugin_name: plugin.replace('~', '/'), state });
    totals.set(labels, (totals.get(labels) ?? 0) + 1);
  };
  const look = async (pod: Pod, volume: Volume) => {
    const plugin = pluginOf(volume);
    if (plugin === undefined) return;
    if (isPodActive(pod)) count('desired_state_of_world', plugin);
    const directory = join(rootDirectory, 'pods', pod.metadata.uid);
    const path = volume.hostPath ? directory : join(directory, 'volumes', plugin, volume.name);
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) count('actual_state_of_world', plugin);
  };
  await Promise.all(lookup.pods().flatMap((pod) => (pod.spec.volumes ?? []).map((volume) => look(pod, volume))));
  return (out) => {
    out.metric('volume_manager_total_volumes', 'gauge', 'Volumes of pods by plugin, as they should be and as they are.');
    for (const [labels, total] of totals) out.sample('volume_manager_total_volumes', labels, total);
  };
}

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
