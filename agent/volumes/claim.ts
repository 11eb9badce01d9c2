// What a pod claims: the PersistentVolume behind its persistentVolumeClaim or ephemeral volume.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { controllerOf } from '../../src/apimachinery/object.js';
import { persistentVolumeSource } from '../../src/kinds/core/persistentvolume.js';
import { ephemeralClaimName } from '../../src/kinds/core/pod-claims.js';
import type { PersistentVolume, PersistentVolumeClaim, Volume } from '../../src/kinds/types/core_v1.js';
import { makeLocalPath } from './local-path.js';
import { type VolumeContext, VolumeError, type VolumeSpec } from './volume.js';

export interface Claimed {
  readonly spec: VolumeSpec;
  readonly mountOptions: readonly string[];
  readonly readOnly: boolean;
  readonly claimName: string;
}

/** Below a pod's directory, for whoever measures its volumes: by the volume's name, what claims it. */
const CLAIMS = 'claims';

export async function noteClaim(podDirectory: string, volume: string, claimName: string): Promise<void> {
  await mkdir(join(podDirectory, CLAIMS), { recursive: true });
  await writeFile(join(podDirectory, CLAIMS, volume), claimName);
}

/** undefined for a volume that nobody claims. */
export function readClaim(podDirectory: string, volume: string): Promise<string | undefined> {
  return readFile(join(podDirectory, CLAIMS, volume), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

type Context = Pick<VolumeContext, 'pod' | 'sources'>;

/** undefined for a volume that claims nothing. Rejects with a VolumeError where it cannot be used by this pod, or not yet. */
export async function claimedVolume(volume: Volume, context: Context): Promise<Claimed | undefined> {
  const { persistentVolumeClaim, ephemeral } = volume;
  if (!persistentVolumeClaim && !ephemeral) return undefined;
  const { pod, sources } = context;
  const namespace = pod.metadata.namespace ?? '';
  const name = persistentVolumeClaim?.claimName ?? ephemeralClaimName(pod, volume.name);
  try {
    const claim = await sources.claim(namespace, name);
    if (!claim) throw new VolumeError(`failed to fetch PVC from API server: persistentvolumeclaims "${name}" not found`);
    if (ephemeral && controllerOf(claim)?.uid !== pod.metadata.uid) {
      throw new VolumeError(`PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`);
    }
    const persistent = await boundVolume(claim, sources);
    await makeLocalPath(persistent);
    const spec = { ...persistentVolumeSource(persistent.spec), name: persistent.metadata.name };
    return {
      spec: spec as VolumeSpec,
      mountOptions: persistent.spec.mountOptions ?? [],
      readOnly: persistentVolumeClaim?.readOnly === true,
      claimName: name,
    };
  } catch (error) {
    throw new VolumeError(`error processing PVC ${namespace}/${name}: ${(error as Error).message}`);
  }
}

async function boundVolume({ metadata, spec, status }: PersistentVolumeClaim, sources: Context['sources']): Promise<PersistentVolume> {
  if (metadata.deletionTimestamp) throw new VolumeError('PVC is being deleted');
  const name = spec.volumeName;
  if (status?.phase !== 'Bound' || !name) throw new VolumeError('PVC is not bound');
  const volume = await sources.persistentVolume(name);
  if (!volume) throw new VolumeError(`failed to fetch PV ${name} from API server: persistentvolumes "${name}" not found`);
  const { claimRef } = volume.spec;
  if (!claimRef)
    throw new VolumeError(`found PV object ${name} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`);
  if (claimRef.uid !== metadata.uid) {
    throw new VolumeError(
      `found PV object ${name} but its pv.Spec.ClaimRef.UID ${claimRef.uid} does not point to claim.UID ${metadata.uid}`,
    );
  }
  if (volume.spec.volumeMode === 'Block') throw new VolumeError('volumeMode Block is not supported by this node');
  return volume;
}
