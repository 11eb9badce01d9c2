// All volume types, and their life in a pod's directory. Adding a type is one file and one line here.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Volume } from '../../src/kinds/types/core_v1.js';
import configMap from './configmap.js';
import downwardAPI from './downwardapi.js';
import emptyDir from './emptydir.js';
import hostPath from './hostpath.js';
import projected from './projected.js';
import secret from './secret.js';
import { type VolumeContext, VolumeError, type VolumeType } from './volume.js';

export const volumeTypes: readonly VolumeType[] = [emptyDir, hostPath, configMap, secret, downwardAPI, projected];

/** A volume that is ready to be mounted. */
export interface ReadyVolume {
  readonly path: string;
  readonly type: VolumeType;
}

/** Of the spec's volumes, by name. Rejects with a VolumeError that names the first that cannot be set up. */
export async function setUpVolumes(
  podDirectory: string,
  volumes: readonly Volume[],
  context: Omit<VolumeContext, 'directory'>,
): Promise<ReadonlyMap<string, ReadyVolume>> {
  const ready = new Map<string, ReadyVolume>();
  for (const volume of volumes) {
    const type = volumeTypes.find(({ field }) => volume[field] !== undefined);
    if (!type) throw new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${unknownType(volume)}`);
    const directory = join(podDirectory, 'volumes', type.plugin, volume.name);
    try {
      ready.set(volume.name, { path: await type.setUp(volume, { ...context, directory }), type });
    } catch (error) {
      throw new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${(error as Error).message}`);
    }
  }
  return ready;
}

function unknownType(volume: Volume): string {
  const field = Object.keys(volume).find((key) => key !== 'name');
  return `volume type "${field ?? 'none'}" is not supported by this node`;
}

/** Undoes the mounts of whatever volumes lie in a pod's directory; removing the directory does the rest. */
export async function tearDownVolumes(podDirectory: string): Promise<void> {
  for (const type of volumeTypes) {
    if (!type.tearDown) continue;
    const parent = join(podDirectory, 'volumes', type.plugin);
    const names = await readdir(parent).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    for (const name of names) await type.tearDown(join(parent, name));
  }
}
