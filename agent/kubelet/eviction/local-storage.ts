// Pods that take more of the node's disk than they may: their emptyDirs, their containers, or all of it together. Pure, in upstream's words.
import { formatQuantity, parseQuantity } from '../../../src/apimachinery/quantity.js';
import { podLimits } from '../../../src/kinds/core/podutil.js';
import type { Pod } from '../../../src/kinds/types/core_v1.js';

const STORAGE = 'ephemeral-storage';

export interface DiskUsage {
  readonly total: number;
  readonly containers: ReadonlyMap<string, number>;
  readonly emptyDirs: ReadonlyMap<string, number>;
}

/** Whether the pod has a limit to be held to, so that its usage needs to be known. */
export function hasStorageLimit({ spec }: Pod): boolean {
  return (
    (spec.volumes ?? []).some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined && !emptyDir.medium) || podLimits({ spec }).has(STORAGE)
  );
}

/** Upstream's names, which its metrics tell evictions apart by. */
export interface StorageExcess {
  readonly limit: 'emptydirfs.limit' | 'ephemeralpodfs.limit' | 'ephemeralcontainerfs.limit';
  readonly message: string;
}

/** Why it has to go; undefined: it keeps to its limits. */
export function storageExcess({ spec }: Pod, { total, containers, emptyDirs }: DiskUsage): StorageExcess | undefined {
  for (const { name, emptyDir } of spec.volumes ?? []) {
    const limit = emptyDir?.sizeLimit;
    if (limit !== undefined && parseQuantity(limit) > 0 && (emptyDirs.get(name) ?? 0) > parseQuantity(limit)) {
      return { limit: 'emptydirfs.limit', message: `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". ` };
    }
  }
  const limitOfPod = podLimits({ spec }).get(STORAGE) ?? 0;
  if (limitOfPod > 0 && total > limitOfPod) {
    const message = `Pod ephemeral local storage usage exceeds the total limit of containers ${format(limitOfPod)}. `;
    return { limit: 'ephemeralpodfs.limit', message };
  }
  for (const { name, resources } of spec.containers) {
    const limit = resources?.limits?.[STORAGE];
    if (limit !== undefined && (containers.get(name) ?? 0) > parseQuantity(limit)) {
      return { limit: 'ephemeralcontainerfs.limit', message: `Container ${name} exceeded its local ephemeral storage limit "${limit}". ` };
    }
  }
  return undefined;
}

const format = (bytes: number) => formatQuantity(bytes, 'BinarySI');
